import { existsSync, readdirSync, statSync } from 'node:fs';
import { hasTables } from './schema.ts';

/** SQLite takes a shorter file for a new one. */
const fileBytesMin = 512;

/**
 * Throws when the metadata file would be made anew although it was there once: whoever has lost
 * it, or restored a part only, should know before anything is written.
 */
export function requireMetadata(path: string, logs: string): void {
  const size = existsSync(path) ? statSync(path).size : 0;
  if (size > 0 && size < fileBytesMin) throw unreadable(path, 'it is too short');
  if (hasTables(path) || readdirSync(logs).length === 0) return;
  throw new Error(`${path} is missing or empty while there are logs in ${logs}: ${whatToDo}`);
}

/** What is said of a metadata file of which nothing can be read. */
export function unreadable(path: string, reason: string, cause?: unknown): Error {
  return new Error(`${path} is damaged and cannot be read (${reason}): ${whatToDo}`, { cause });
}

const whatToDo =
  'restore the data directory from a backup, or move it away to start with an empty one';
