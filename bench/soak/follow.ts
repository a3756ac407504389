import type { Visitor } from './visitor.ts';
import { readUpTo } from './visitor.ts';

/** How a log is followed: in which form, and how often the reader cuts it. */
export interface Following {
  readonly format: 'sse' | 'ndjson';
  readonly cuts: number;
}

/** Follows a process to its end and comes back after each cut. Throws when an event is missing. */
export async function follow(
  visitor: Visitor,
  process: string,
  { format, cuts }: Following,
): Promise<void> {
  let seq = 0;
  for (let cut = 0; ; cut += 1) {
    const bytesMax = cut < cuts ? Math.floor(Math.random() * 2000) : Infinity;
    const path = `${process}/output?format=${format}`;
    const response = await visitor.open(path, { headers: { 'last-event-id': String(seq) } });
    const text = await readUpTo(response, bytesMax);
    for (const next of seqsOf(text, format)) {
      if (next !== seq + 1) throw new Error(`${path} gave ${next} after ${seq}`);
      seq = next;
    }
    if (response.complete) return;
  }
}

/** Pages through a process to its end, waiting for each page. */
export async function page(visitor: Visitor, process: string): Promise<void> {
  for (let after = 0; ;) {
    const query = `after_seq=${after}&wait_ms=2000&max_bytes=200`;
    const text = await visitor.ask(`${process}/output?${query}`);
    const next = Number(/"next_seq":(\d+)/.exec(text)?.[1]);
    const closed = Number(/"closed_seq":(\d+)/.exec(text)?.[1] ?? Infinity);
    if (next > closed) return;
    after = next - 1;
  }
}

/** The numbers of the events that have come whole. */
function seqsOf(text: string, format: Following['format']): readonly number[] {
  const event = format === 'sse' ? /^id: (\d+)\n\n/gm : /^\{"type":"\w+","seq":(\d+).*\}\n/gm;
  return [...text.matchAll(event)].map(([, seq]) => Number(seq));
}
