import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { AppendedEvent } from '../../../log/event.ts';
import { payloadBytes, seqOf } from '../../../log/event.ts';
import { readUpTo } from './positional.ts';

// One entry for each seq from 1 on: the bytes of output up to and including that event in 48
// bits, and a checksum of them and the seq in 16.
export const entryBytes = 8;
const totalSize = 6;

/** The file of the index in the directory of its log. */
export function indexPath(directory: string): string {
  return join(directory, 'index');
}

/** Where the entry of `seq` begins. */
export function entryPosition(seq: number): number {
  return (seq - 1) * entryBytes;
}

/** The entries of events that follow `totalBytes` of output. */
export function encodeEntries(events: readonly AppendedEvent[], totalBytes: number): Buffer {
  const entries = Buffer.allocUnsafe(events.length * entryBytes);
  let total = totalBytes;
  for (const [place, event] of events.entries()) {
    total += payloadBytes(event);
    entries.writeUIntLE(total, place * entryBytes, totalSize);
    entries.writeUInt16LE(checkOf(total, seqOf(event)), place * entryBytes + totalSize);
  }
  return entries;
}

/** The bytes of output up to and including a seq; null when that is not known. */
export type TotalAt = (seq: number) => number | null;

/** Reads the entries from `fromSeq` to `toSeq`; their totals are known, if they are intact. */
export function readTotals(directory: string, fromSeq: number, toSeq: number): TotalAt {
  const first = Math.max(fromSeq, 1);
  const length = (toSeq - first + 1) * entryBytes;
  const entries = readUpTo(indexPath(directory), entryPosition(first), length);
  return (seq) => (seq === 0 ? 0 : decodeEntry(entries, (seq - first) * entryBytes, seq));
}

/** The last seq that the index has an intact entry of; 0 when there is none. */
export function lastIndexed(directory: string): number {
  const entries = readUpTo(indexPath(directory), 0);
  let seq = Math.floor(entries.length / entryBytes);
  while (seq > 0 && decodeEntry(entries, entryPosition(seq), seq) === null) seq -= 1;
  return seq;
}

/** Zeros are a hole of the file, although they pass for an entry of a few seqs. */
function decodeEntry(entries: Buffer, offset: number, seq: number): number | null {
  if (offset < 0 || offset + entryBytes > entries.length) return null;
  if (entries.readBigUInt64LE(offset) === 0n) return null;
  const total = entries.readUIntLE(offset, totalSize);
  return entries.readUInt16LE(offset + totalSize) === checkOf(total, seq) ? total : null;
}

const checked = Buffer.alloc(totalSize + 8);

function checkOf(total: number, seq: number): number {
  checked.writeUIntLE(total, 0, totalSize);
  checked.writeUIntLE(seq, totalSize, 6);
  return crc32(checked) & 0xffff;
}
