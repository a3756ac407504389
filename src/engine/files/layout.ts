import { join } from 'node:path';
import type { LogHead } from '../engine.ts';
import { frameHeaderBytes } from './frame.ts';

/** A file of a log: the seq of its first event, and the bytes of output before that event. */
export interface Segment {
  readonly first_seq: number;
  readonly base_bytes: number;
}

/** All that is needed to read a log: which files it has, oldest first, and where it ends. */
export interface LogLayout {
  readonly last_seq: number;
  /** Bytes of output ever appended, evicted ones included. */
  readonly total_bytes: number;
  readonly first_replay_seq: number;
  readonly segments: readonly Segment[];
  /** The frames of a small log in base64; it has no files then. */
  readonly inline?: string;
}

/** The layout of a log that has no event yet. */
export const emptyLayout: LogLayout = {
  last_seq: 0,
  total_bytes: 0,
  first_replay_seq: 1,
  segments: [],
};

/** What the port says of a log with this layout. */
export function headOf({ last_seq, total_bytes, first_replay_seq, segments }: LogLayout): LogHead {
  const { first_seq, base_bytes } = segments[0] ?? { first_seq: 1, base_bytes: 0 };
  return {
    last_seq,
    first_retained_seq: first_seq,
    first_replay_seq,
    retained_bytes: total_bytes - base_bytes,
    evicted_bytes: base_bytes,
  };
}

/** Bytes that a segment file begins with: magic, version, first seq, bytes of output before it. */
export const segmentHeaderBytes = 24;

const magic = Buffer.from('PRCN', 'latin1');
const version = 1;

/** Writes what a segment file begins with, so that a log can be understood from its files alone. */
export function encodeSegmentHeader(target: Buffer, { first_seq, base_bytes }: Segment): void {
  magic.copy(target);
  target.writeUInt32LE(version, 4);
  target.writeBigUInt64LE(BigInt(first_seq), 8);
  target.writeBigUInt64LE(BigInt(base_bytes), 16);
}

/** The file of a segment in the directory of its log. */
export function segmentPath(directory: string, { first_seq }: Segment): string {
  return join(directory, `${first_seq.toString().padStart(16, '0')}.log`);
}

/** Where the frame of `seq` begins in its segment, given the bytes of output before it. */
export function offsetOf(
  { first_seq, base_bytes }: Segment,
  seq: number,
  bytesBefore: number,
): number {
  return segmentHeaderBytes + (bytesBefore - base_bytes) + frameHeaderBytes * (seq - first_seq);
}
