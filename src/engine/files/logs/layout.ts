import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { LogHead } from '../../engine.ts';
import { frameHeaderBytes } from './frame.ts';
import { entryBytes } from './seq-index.ts';

/** A file of a log: the seq of its first event, and the bytes of output before that event. */
export interface Segment {
  readonly first_seq: number;
  readonly base_bytes: number;
}

/**
 * All that is needed to read a log: which files it has, oldest first, and where it ends. A small
 * log has no files, and its frames beside this.
 */
export interface LogLayout {
  readonly last_seq: number;
  /** Bytes of output ever appended, evicted ones included. */
  readonly total_bytes: number;
  readonly first_replay_seq: number;
  readonly segments: readonly Segment[];
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
  // Without a segment all has been evicted.
  const { first_seq, base_bytes } = segments[0] ?? {
    first_seq: last_seq + 1,
    base_bytes: total_bytes,
  };
  return {
    last_seq,
    first_retained_seq: first_seq,
    first_replay_seq: Math.max(first_replay_seq, first_seq),
    retained_bytes: total_bytes - base_bytes,
    evicted_bytes: base_bytes,
  };
}

/** The part of a log that one segment has: from its first seq up to `endSeq`, not included. */
export interface Extent extends Segment {
  readonly endSeq: number;
  /** Bytes of output of the log up to the end of this part. */
  readonly endBytes: number;
}

/** The parts of a log, oldest first. */
export function extentsOf({ segments, last_seq, total_bytes }: LogLayout): readonly Extent[] {
  return segments.map((segment, place) => {
    const next = segments[place + 1];
    return {
      ...segment,
      endSeq: next?.first_seq ?? last_seq + 1,
      endBytes: next?.base_bytes ?? total_bytes,
    };
  });
}

/** Bytes that the files of a log have on the disk. */
export function fileBytesOf(layout: LogLayout): number {
  const segments = extentsOf(layout).reduce((sum, extent) => sum + segmentBytesOf(extent), 0);
  return layout.last_seq === 0 ? 0 : segments + layout.last_seq * entryBytes;
}

function segmentBytesOf({ first_seq, base_bytes, endSeq, endBytes }: Extent): number {
  return segmentHeaderBytes + (endBytes - base_bytes) + frameHeaderBytes * (endSeq - first_seq);
}

/** Bytes that a segment file begins with: magic, checksum, first seq, bytes before it, its log. */
export const segmentHeaderBytes = 24;

const magic = Buffer.from('PRC2', 'latin1');
const checksumAt = magic.length;
const firstSeqAt = 8;
const baseBytesAt = 14;
const logAt = 20;
const numberSize = 6;

/** A number for the log of a directory, by which its segments are known from those of others. */
export function logNumberOf(directory: string): number {
  return crc32(basename(directory));
}

/** Writes what a segment file begins with, so that a log can be understood from its files alone. */
export function encodeSegmentHeader(
  target: Buffer,
  { first_seq, base_bytes }: Segment,
  log: number,
): void {
  magic.copy(target);
  target.writeUIntLE(first_seq, firstSeqAt, numberSize);
  target.writeUIntLE(base_bytes, baseBytesAt, numberSize);
  target.writeUInt32LE(log, logAt);
  target.writeUInt32LE(crc32(target.subarray(firstSeqAt, segmentHeaderBytes)), checksumAt);
}

/** What a segment file says it is; null when it does not begin with an intact header. */
export function decodeSegmentHeader(header: Buffer): (Segment & { readonly log: number }) | null {
  if (header.length < segmentHeaderBytes || !header.subarray(0, checksumAt).equals(magic)) {
    return null;
  }
  const checksum = crc32(header.subarray(firstSeqAt, segmentHeaderBytes));
  if (checksum !== header.readUInt32LE(checksumAt)) return null;
  return {
    first_seq: header.readUIntLE(firstSeqAt, numberSize),
    base_bytes: header.readUIntLE(baseBytesAt, numberSize),
    log: header.readUInt32LE(logAt),
  };
}

/** The file of a segment in the directory of its log. */
export function segmentPath(directory: string, { first_seq }: Pick<Segment, 'first_seq'>): string {
  return join(directory, `${first_seq.toString().padStart(16, '0')}.log`);
}

/** The first seq that the name of a segment file tells; null for every other file. */
export function firstSeqIn(name: string): number | null {
  const digits = /^(\d{16})\.log$/.exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** Where the frame of `seq` begins in its segment, given the bytes of output before it. */
export function offsetOf(
  { first_seq, base_bytes }: Segment,
  seq: number,
  bytesBefore: number,
): number {
  return segmentHeaderBytes + (bytesBefore - base_bytes) + frameHeaderBytes * (seq - first_seq);
}
