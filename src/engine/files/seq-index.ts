import { join } from 'node:path';
import type { LogEvent } from '../../log/event.ts';
import { payloadBytes } from '../../log/event.ts';
import { readExactly } from './positional.ts';

// One entry for each seq from 1 on: the bytes of output up to and including that event.
const entryBytes = 8;

/** The file of the index in the directory of its log. */
export function indexPath(directory: string): string {
  return join(directory, 'index');
}

/** Where the entry of `seq` begins. */
export function entryPosition(seq: number): number {
  return (seq - 1) * entryBytes;
}

/** The entries of events that follow `totalBytes` of output. */
export function encodeEntries(events: readonly LogEvent[], totalBytes: number): Buffer {
  const entries = Buffer.allocUnsafe(events.length * entryBytes);
  let total = totalBytes;
  for (const [place, event] of events.entries()) {
    total += payloadBytes(event);
    entries.writeBigUInt64LE(BigInt(total), place * entryBytes);
  }
  return entries;
}

/**
 * Reads the entries from `fromSeq` to `toSeq`, both included. The result gives the bytes of
 * output up to and including a seq among them; seq 0 stands for the beginning of the log.
 */
export function readTotals(
  directory: string,
  fromSeq: number,
  toSeq: number,
): (seq: number) => number {
  const first = Math.max(fromSeq, 1);
  const length = (toSeq - first + 1) * entryBytes;
  const entries = readExactly(indexPath(directory), entryPosition(first), length);
  return (seq) => (seq === 0 ? 0 : Number(entries.readBigUInt64LE((seq - first) * entryBytes)));
}
