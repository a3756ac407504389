import type { AppendedEvent } from '../../../log/event.ts';
import { payloadBytes, seqOf } from '../../../log/event.ts';
import { encodeFrame, frameBytes } from './frame.ts';
import type { LogLayout, Segment } from './layout.ts';
import { encodeSegmentHeader, offsetOf, segmentHeaderBytes } from './layout.ts';

/** What an append writes to one segment file. */
export interface SegmentRun {
  readonly segment: Segment;
  readonly isNew: boolean;
  readonly bytesBefore: number;
  readonly events: readonly AppendedEvent[];
}

/** What an append writes, and the segments and total that the log has once it is written. */
export interface AppendPlan {
  readonly runs: readonly SegmentRun[];
  readonly segments: readonly Segment[];
  readonly total_bytes: number;
}

interface Run extends SegmentRun {
  readonly events: AppendedEvent[];
}

/**
 * Lays events out after a log. An output event begins a new segment when the last one holds
 * `segmentBytesMax` or more; the exit and the close stay with the output before them.
 */
export function planAppend(
  layout: LogLayout,
  events: readonly AppendedEvent[],
  segmentBytesMax: number,
): AppendPlan {
  const runs: Run[] = [];
  const segments = [...layout.segments];
  let total = layout.total_bytes;
  for (const event of events) {
    const active = segments.at(-1);
    const isFull = active !== undefined && total - active.base_bytes >= segmentBytesMax;
    if (active === undefined || (isFull && event.type === 'output')) {
      const segment: Segment = { first_seq: seqOf(event), base_bytes: total };
      segments.push(segment);
      runs.push({ segment, isNew: true, bytesBefore: total, events: [event] });
    } else {
      const run = runs.at(-1);
      if (run !== undefined) run.events.push(event);
      else runs.push({ segment: active, isNew: false, bytesBefore: total, events: [event] });
    }
    total += payloadBytes(event);
  }
  return { runs, segments, total_bytes: total };
}

/** The bytes of a run of a log, and where they go in its file; they are valid until the next call. */
export function encodeRun(
  { segment, isNew, bytesBefore, events }: SegmentRun,
  log: number,
): {
  position: number;
  bytes: Buffer;
} {
  const headerBytes = isNew ? segmentHeaderBytes : 0;
  const size = events.reduce((sum, event) => sum + frameBytes(event), headerBytes);
  const bytes = size > scratch.length ? Buffer.allocUnsafe(size) : scratch.subarray(0, size);
  if (isNew) encodeSegmentHeader(bytes, segment, log);
  let end = headerBytes;
  for (const event of events) end = encodeFrame(bytes, end, event);
  const [first] = events;
  const firstSeq = first === undefined ? segment.first_seq : seqOf(first);
  return { position: isNew ? 0 : offsetOf(segment, firstSeq, bytesBefore), bytes };
}

/** Room for what a busy child writes between two appends; one for all, since they do not wait. */
const scratch = Buffer.allocUnsafeSlow(2 * 1024 * 1024);
