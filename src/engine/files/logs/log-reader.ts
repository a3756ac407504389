import type { AppendedEvent, GapEvent, LogEvent } from '../../../log/event.ts';
import { payloadBytes, seqOf } from '../../../log/event.ts';
import type { LogPage, ReadQuery } from '../../engine.ts';
import { isForeign } from './find-segments.ts';
import type { Extent, LogLayout } from './layout.ts';
import { extentsOf, headOf, offsetOf, segmentHeaderBytes, segmentPath } from './layout.ts';
import { readUpTo } from './positional.ts';
import type { TotalAt } from './seq-index.ts';
import { readTotals } from './seq-index.ts';
import { intactFrames, walkFrames } from './walk-frames.ts';

/** Most events of one page, so that a page of tiny events is bounded as well. */
export const pageEventsMax = 16_384;

/** Where the bytes of a log are: in its row, or in files of its directory. */
export interface LogSource {
  readonly layout: LogLayout;
  readonly frames: Buffer | null;
  readonly directory: string;
}

/**
 * Reads a page of a log, whether or not it is still written to. Events that are damaged or
 * missing on the disk are a gap, as evicted ones are; a page ends before the second gap.
 */
export function readPage(source: LogSource, query: ReadQuery): LogPage {
  const { last_seq, first_retained_seq } = headOf(source.layout);
  const evicted = gapBefore(source, query.after_seq);
  const from = Math.max(query.after_seq + 1, first_retained_seq);
  if (from > last_seq) return { gap: evicted, events: [] };
  const intact = source.frames === null ? readIntact(source, from, query.max_bytes) : [];
  return pageOf(evicted, intact.length > 0 ? intact : walkFrom(source, from), query.max_bytes);
}

function pageOf(
  evicted: GapEvent | null,
  items: Iterable<AppendedEvent>,
  maxBytes: number,
): LogPage {
  const events: LogEvent[] = [];
  let gap = evicted;
  let bytes = 0;
  for (const item of items) {
    bytes += payloadBytes(item);
    const isFull = bytes > maxBytes || events.length === pageEventsMax || item.type === 'gap';
    if (events.length > 0 && isFull) break;
    if (item.type === 'gap') gap = joined(gap, item);
    else events.push(item);
  }
  return { gap, events };
}

function joined(before: GapEvent | null, gap: GapEvent): GapEvent {
  if (before === null) return gap;
  return { ...before, to_seq: gap.to_seq, bytes: before.bytes + gap.bytes };
}

function gapBefore({ directory, layout }: LogSource, afterSeq: number): GapEvent | null {
  const { first_retained_seq, evicted_bytes } = headOf(layout);
  if (afterSeq + 1 >= first_retained_seq) return null;
  const bytes = evicted_bytes - totalNear(directory, afterSeq);
  return { type: 'gap', from_seq: afterSeq + 1, to_seq: first_retained_seq - 1, bytes };
}

/** How far to look for an entry of the index that is intact. */
const entriesNear = 1024;

/** The bytes of output up to a seq, or to the next one before it that the index still knows. */
function totalNear(directory: string, seq: number): number {
  const last = Math.max(0, seq - entriesNear);
  const totalAt = readTotals(directory, last, seq);
  for (let near = seq; near >= last; near -= 1) {
    const total = totalAt(near);
    if (total !== null) return total;
  }
  return 0;
}

/** The events from a seq on, as far as they are where the index says; bounded as a page. */
function readIntact(source: LogSource, from: number, maxBytes: number): AppendedEvent[] {
  const { directory, layout } = source;
  const limit = Math.min(layout.last_seq, from + pageEventsMax - 1);
  const totalAt = readTotals(directory, from - 1, limit);
  const to = lastWithin(totalAt, { from, to: limit }, maxBytes);
  const events: AppendedEvent[] = [];
  for (const extent of extentsOf(layout)) {
    const next =
      seqOf(events.at(-1) ?? { type: 'gap', from_seq: 0, to_seq: from - 1, bytes: 0 }) + 1;
    if (extent.endSeq <= next) continue;
    if (next > to || next < extent.first_seq) break;
    const start = positionIn(extent, totalAt, next);
    const end = positionIn(extent, totalAt, Math.min(to + 1, extent.endSeq));
    if (start === null || end === null || isForeign(directory, extent.first_seq)) break;
    const block = readUpTo(segmentPath(directory, extent), start, end - start);
    events.push(...intactFrames(block, 0, next));
  }
  return events;
}

function positionIn(extent: Extent, totalAt: TotalAt, seq: number): number | null {
  const before = totalAt(seq - 1);
  return before === null ? null : offsetOf(extent, seq, before);
}

/** The last seq of a span up to which it has at most `maxBytes` of output; at least its first. */
function lastWithin(
  totalAt: TotalAt,
  { from, to }: { readonly from: number; readonly to: number },
  maxBytes: number,
): number {
  const most = (totalAt(from - 1) ?? 0) + maxBytes;
  let low = from;
  let high = to;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((totalAt(middle) ?? Infinity) <= most) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** All events from a seq on, with gaps, by a look at every frame. */
function* walkFrom(source: LogSource, from: number): Generator<AppendedEvent> {
  for (const extent of extentsOf(source.layout)) {
    if (extent.endSeq <= from) continue;
    for (const item of walkExtent(source, extent)) {
      if (seqOf(item) < from) continue;
      yield item.type === 'gap' ? clipped(source, item, from) : item;
    }
  }
}

function walkExtent({ directory, frames }: LogSource, extent: Extent): Iterable<AppendedEvent> {
  if (frames !== null) {
    return walkFrames({ block: frames, start: 0, extent, positionOf: () => null });
  }
  const totalAt = readTotals(directory, extent.first_seq - 1, extent.endSeq - 1);
  return walkFrames({
    block: isForeign(directory, extent.first_seq)
      ? Buffer.alloc(0)
      : readUpTo(segmentPath(directory, extent), 0),
    start: segmentHeaderBytes,
    extent,
    positionOf: (seq) => positionIn(extent, totalAt, seq),
  });
}

/** The rest of a gap that the reader is in the middle of; all its bytes, unless the index knows. */
function clipped({ directory }: LogSource, gap: GapEvent, from: number): GapEvent {
  if (gap.from_seq >= from) return gap;
  const totalAt = readTotals(directory, from - 1, gap.to_seq);
  const [before, after] = [totalAt(from - 1), totalAt(gap.to_seq)];
  const bytes = before === null || after === null ? gap.bytes : after - before;
  return { ...gap, from_seq: from, bytes };
}
