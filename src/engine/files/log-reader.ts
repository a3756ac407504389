import type { GapEvent, LogEvent } from '../../log/event.ts';
import type { LogPage, ReadQuery } from '../engine.ts';
import { decodeFrame, frameBytes } from './frame.ts';
import { readInline } from './inline-log.ts';
import type { LogLayout, Segment } from './layout.ts';
import { headOf, offsetOf, segmentPath } from './layout.ts';
import { readExactly } from './positional.ts';
import { readTotals } from './seq-index.ts';

/** Most events of one page, so that a page of tiny events is bounded as well. */
export const pageEventsMax = 16_384;

type TotalAt = (seq: number) => number;

interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * Reads a page of a log, whether or not it is still written to. Throws an error that names
 * the file and the offset when a frame is not what the layout promises.
 */
export function readPage(directory: string, layout: LogLayout, query: ReadQuery): LogPage {
  if (layout.inline !== undefined) return readInline(layout.inline, query);
  const { last_seq, first_retained_seq } = headOf(layout);
  const gap = gapBefore(directory, layout, query.after_seq);
  const from = Math.max(query.after_seq + 1, first_retained_seq);
  if (from > last_seq) return { gap, events: [] };
  const limit = Math.min(last_seq, from + pageEventsMax - 1);
  const totalAt = readTotals(directory, from - 1, limit);
  const to = lastWithin(totalAt, { from, to: limit }, query.max_bytes);
  const events: LogEvent[] = [];
  for (const [place, segment] of layout.segments.entries()) {
    const end = (layout.segments[place + 1]?.first_seq ?? last_seq + 1) - 1;
    const span = { from: Math.max(from, segment.first_seq), to: Math.min(to, end) };
    if (span.from <= span.to) readSpan(segmentReader(directory, segment, totalAt), span, events);
  }
  return { gap, events };
}

function gapBefore(directory: string, layout: LogLayout, afterSeq: number): GapEvent | null {
  const { first_retained_seq, evicted_bytes } = headOf(layout);
  if (afterSeq + 1 >= first_retained_seq) return null;
  const bytes = evicted_bytes - readTotals(directory, afterSeq, afterSeq)(afterSeq);
  return { type: 'gap', from_seq: afterSeq + 1, to_seq: first_retained_seq - 1, bytes };
}

/** The last seq of a span up to which it has at most `maxBytes` of output; at least its first. */
function lastWithin(totalAt: TotalAt, { from, to }: Span, maxBytes: number): number {
  const total = totalAt(from - 1) + maxBytes;
  let low = from;
  let high = to;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (totalAt(middle) <= total) low = middle;
    else high = middle - 1;
  }
  return low;
}

interface SegmentReader {
  readonly path: string;
  readonly offsetOf: (seq: number) => number;
}

function segmentReader(directory: string, segment: Segment, totalAt: TotalAt): SegmentReader {
  return {
    path: segmentPath(directory, segment),
    offsetOf: (seq) => offsetOf(segment, seq, totalAt(seq - 1)),
  };
}

function readSpan({ path, offsetOf }: SegmentReader, span: Span, events: LogEvent[]): void {
  const start = offsetOf(span.from);
  const block = readExactly(path, start, offsetOf(span.to + 1) - start);
  let offset = 0;
  for (let seq = span.from; seq <= span.to; seq += 1) {
    const event = decodeFrame(block, offset);
    if (event?.seq !== seq) {
      throw new Error(
        `damaged log: ${path} has no intact event ${seq} at offset ${start + offset}`,
      );
    }
    events.push(event);
    offset += frameBytes(event);
  }
}
