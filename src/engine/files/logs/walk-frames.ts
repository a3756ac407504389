import type { AppendedEvent, GapEvent } from '../../../log/event.ts';
import { payloadBytes, seqOf } from '../../../log/event.ts';
import { decodeFrame, frameBytes, frameHeaderBytes, mayBeFrame } from './frame.ts';
import type { Extent } from './layout.ts';

/** The frames of a part of a log, as they are on the disk. */
export interface Frames {
  readonly block: Buffer;
  /** Where the first frame should begin. */
  readonly start: number;
  readonly extent: Extent;
  /** Where the frame of a seq should begin, by other knowledge than the frames before it. */
  readonly positionOf: (seq: number) => number | null;
}

interface Place {
  readonly offset: number;
  readonly seq: number;
  readonly totalBytes: number;
}

interface Found {
  readonly offset: number;
  readonly event: AppendedEvent;
}

/**
 * The events of a part of a log, each once and in order, with a gap for those whose frames are not
 * whole and intact. Frames have no space between them, so the next intact one tells how many bytes
 * are missing.
 */
export function* walkFrames(frames: Frames): Generator<AppendedEvent> {
  const { block, start, extent } = frames;
  let place: Place = { offset: start, seq: extent.first_seq, totalBytes: extent.base_bytes };
  while (place.seq < extent.endSeq) {
    const found = frameAt(block, place.offset, place.seq) ?? nextFrame(frames, place);
    if (found === null) {
      yield gapUpTo(extent.endSeq, place, extent.endBytes - place.totalBytes);
      return;
    }
    const bytes = missingBytes(place, found);
    if (seqOf(found.event) > place.seq) yield gapUpTo(seqOf(found.event), place, bytes);
    yield found.event;
    place = {
      offset: found.offset + frameBytes(found.event),
      seq: seqOf(found.event) + 1,
      totalBytes: place.totalBytes + bytes + payloadBytes(found.event),
    };
  }
}

/** The events whose frames follow each other without a fault, from a seq on. */
export function* intactFrames(block: Buffer, start: number, seq: number): Generator<AppendedEvent> {
  let next = frameAt(block, start, seq);
  while (next !== null) {
    yield next.event;
    next = frameAt(block, next.offset + frameBytes(next.event), seqOf(next.event) + 1);
  }
}

function frameAt(block: Buffer, offset: number, seq: number): Found | null {
  const event = decodeFrame(block, offset);
  return event !== null && seqOf(event) === seq ? { offset, event } : null;
}

/**
 * What the index says comes first: output may hold what looks like a frame. Only without it are
 * all places tried.
 */
function nextFrame({ block, extent, positionOf }: Frames, place: Place): Found | null {
  for (let seq = place.seq + 1; seq < extent.endSeq; seq += 1) {
    const offset = positionOf(seq);
    const found = offset === null ? null : frameAt(block, offset, seq);
    if (found !== null && missingBytes(place, found) >= 0) return found;
  }
  const last = block.length - frameHeaderBytes;
  for (let offset = place.offset + frameHeaderBytes; offset <= last; offset += 1) {
    if (!mayBeFrame(block, offset, { after: place.seq, before: extent.endSeq })) continue;
    const event = decodeFrame(block, offset);
    if (event === null) continue;
    const found = { offset, event };
    if (missingBytes(place, found) >= 0) return found;
  }
  return null;
}

/** Bytes of output between a place and what was found after it. */
function missingBytes({ offset, seq }: Place, found: Found): number {
  return found.offset - offset - frameHeaderBytes * (seqOf(found.event) - seq);
}

function gapUpTo(endSeq: number, { seq }: Place, bytes: number): GapEvent {
  return { type: 'gap', from_seq: seq, to_seq: endSeq - 1, bytes: Math.max(0, bytes) };
}
