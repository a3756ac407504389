import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Closable } from './closable.ts';

/** How long an opening waits for a service that is about to end. */
const waitMsMax = 1_000;

/**
 * Takes a data directory for this process alone; the system lets go of it with the process,
 * however that ends. To close it lets go at once. Throws when another service has it: two
 * would write over each other's logs.
 */
export function lockDirectory(dir: string): Closable {
  const file = join(dir, 'lock');
  closeSync(openSync(file, 'a', 0o600));
  const database = new DatabaseSync(file, { timeout: waitMsMax });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    throw refusal(dir, cause);
  }
  return database;
}

/** As SQLite numbers a lock that somebody else has. */
const sqliteBusy = 5;

function refusal(dir: string, cause: unknown): Error {
  const isBusy = cause instanceof Error && 'errcode' in cause && cause.errcode === sqliteBusy;
  if (isBusy) return new Error(`the data directory ${dir} is in use by another service`, { cause });
  return new Error(`the data directory ${dir} cannot be used: ${String(cause)}`, { cause });
}
