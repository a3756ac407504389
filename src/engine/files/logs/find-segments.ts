import { readdirSync } from 'node:fs';
import { payloadBytes, seqOf } from '../../../log/event.ts';
import { decodeFrame, frameBytesMax } from './frame.ts';
import type { Segment } from './layout.ts';
import {
  decodeSegmentHeader,
  firstSeqIn,
  logNumberOf,
  segmentHeaderBytes,
  segmentPath,
} from './layout.ts';
import { isMissing, readUpTo } from './positional.ts';
import { readTotals } from './seq-index.ts';
import { intactFrames } from './walk-frames.ts';

/** The segments in the directory of a log, oldest first. Other files are passed over. */
export function findSegments(directory: string): readonly Segment[] {
  const segments: Segment[] = [];
  for (const first_seq of firstSeqsIn(directory)) {
    const segment = segmentOf(directory, first_seq, segments.at(-1));
    if (segment !== null) segments.push(segment);
  }
  return segments;
}

function firstSeqsIn(directory: string): readonly number[] {
  try {
    const seqs = readdirSync(directory).map(firstSeqIn);
    return seqs.filter((seq) => seq !== null).toSorted((one, other) => one - other);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** By its header; if that is damaged and a log follows, by the index or the segment before. */
function segmentOf(
  directory: string,
  first_seq: number,
  before: Segment | undefined,
): Segment | null {
  const path = segmentPath(directory, { first_seq });
  const beginning = readUpTo(path, 0, segmentHeaderBytes + frameBytesMax);
  const told = decodeSegmentHeader(beginning);
  if (told !== null) return isOf(told, directory, first_seq) ? told : null;
  const event = decodeFrame(beginning, segmentHeaderBytes);
  if (event === null || seqOf(event) !== first_seq) return null;
  const indexed = readTotals(directory, first_seq - 1, first_seq - 1)(first_seq - 1);
  return {
    first_seq,
    base_bytes: indexed ?? (before === undefined ? 0 : endOf(directory, before)),
  };
}

/** Whether the file of a segment begins as that of another segment, or of another log. */
export function isForeign(directory: string, first_seq: number): boolean {
  const header = readUpTo(segmentPath(directory, { first_seq }), 0, segmentHeaderBytes);
  const told = decodeSegmentHeader(header);
  return told !== null && !isOf(told, directory, first_seq);
}

function isOf(
  told: { readonly first_seq: number; readonly log: number },
  directory: string,
  first_seq: number,
): boolean {
  return told.first_seq === first_seq && told.log === logNumberOf(directory);
}

function endOf(directory: string, segment: Segment): number {
  const block = readUpTo(segmentPath(directory, segment), 0);
  let bytes = segment.base_bytes;
  for (const event of intactFrames(block, segmentHeaderBytes, segment.first_seq)) {
    bytes += payloadBytes(event);
  }
  return bytes;
}
