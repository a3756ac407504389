import { isDeepStrictEqual } from 'node:util';
import type { LogPage, ReadQuery } from '../../../src/engine/engine.ts';
import type { AppendedEvent } from '../../../src/log/event.ts';
import { payloadBytes, seqOf } from '../../../src/log/event.ts';

/** One way through a log: from a cursor to its end, by pages of a size. */
export interface Walk {
  readonly after_seq: number;
  readonly max_bytes: number;
  /** All that was ever appended. */
  readonly written: readonly AppendedEvent[];
}

/** What a reader was given. */
export interface Followed {
  readonly seqs: ReadonlySet<number>;
  readonly gapBytes: number;
}

type Read = (query: ReadQuery) => LogPage | Promise<LogPage>;

/**
 * Reads a log to its end. Throws unless every event is the one that was written with its seq, and
 * events and gaps together cover each seq once, in order.
 */
export async function follow(read: Read, { written, ...query }: Walk): Promise<Followed> {
  const seqs = new Set<number>();
  let [cursor, gapBytes] = [query.after_seq, 0];
  while (cursor < written.length) {
    const page = await read({ after_seq: cursor, max_bytes: query.max_bytes });
    const end = endOf(page, cursor, written);
    if (end <= cursor) throw new Error(`the page after ${cursor} is empty`);
    for (const event of page.events) seqs.add(event.seq);
    gapBytes += page.gap?.bytes ?? 0;
    cursor = end;
  }
  return { seqs, gapBytes };
}

/** Bytes of output after a cursor that a reader was not given, as the child wrote it. */
export function missedBytes(seqs: ReadonlySet<number>, { written, after_seq }: Walk): number {
  return written
    .slice(after_seq)
    .filter((event) => !seqs.has(seqOf(event)))
    .reduce((sum, event) => sum + payloadBytes(event), 0);
}

/** What the gaps of a log after a cursor stood for when they were written. */
export function writtenGapBytes({ written, after_seq }: Walk): number {
  return written
    .slice(after_seq)
    .reduce((sum, event) => sum + (event.type === 'gap' ? event.bytes : 0), 0);
}

/** The last seq of a page; throws when the page is not a true one. */
function endOf({ gap, events }: LogPage, cursor: number, written: readonly AppendedEvent[]) {
  let end = cursor;
  if (gap !== null) {
    const isOdd = gap.from_seq !== cursor + 1 || gap.to_seq < gap.from_seq || gap.bytes < 0;
    if (isOdd) throw new Error(`after ${cursor} comes ${JSON.stringify(gap)}`);
    end = gap.to_seq;
  }
  for (const event of events) {
    end += 1;
    const original = written[end - 1];
    if (event.seq !== end) throw new Error(`expected seq ${end}, got ${event.seq}`);
    if (!isDeepStrictEqual(event, original)) throw new Error(`event ${end} is another one`);
  }
  if (end > written.length) throw new Error(`the log ends at ${written.length}, not ${end}`);
  return end;
}
