import type { Evidence } from './evidence.ts';
import type { Gap, Seen, ServedLog } from './log.ts';

/** The numbers of a log follow each other; what is missing is named, and only at the beginning. */
export function density({ claim, served: { snapshot, paged } }: Evidence): readonly string[] {
  if (snapshot === null || paged === null) return [];
  const faults = gapFaults(paged.gaps, claim.mayEvict);
  let next = (paged.gaps[0]?.to_seq ?? 0) + 1;
  for (const { seq } of paged.events) {
    if (seq !== next) faults.push(`${seq} instead of ${next}`);
    next = seq + 1;
  }
  if (next !== snapshot.next_seq) faults.push(`ends before ${next}, not ${snapshot.next_seq}`);
  return [...faults, ...orderOf(paged.events)];
}

/** What the process says of its log is what the log holds. */
export function extent({ served: { snapshot, paged } }: Evidence): readonly string[] {
  if (snapshot === null || paged === null) return [];
  const { first_retained_seq, retained_bytes, evicted_bytes } = snapshot;
  const [gap] = paged.gaps;
  const held = {
    first_retained_seq: (gap?.to_seq ?? 0) + 1,
    retained_bytes: paged.events.reduce((sum, { bytes }) => sum + bytes, 0),
    evicted_bytes: gap?.bytes ?? 0,
  };
  const said = { first_retained_seq, retained_bytes, evicted_bytes };
  return differ(said, held) ? [`says ${text(said)}, holds ${text(held)}`] : [];
}

/** Pages and streams serve the same, to a clean end. */
export function agreement({ served }: Evidence): readonly string[] {
  const { snapshot, paged, streamed, atEnd } = served;
  if (snapshot === null || paged === null) return [];
  const faults: string[] = [];
  if (paged.end !== 'clean') faults.push(`the pages ended with ${paged.end}`);
  if (streamed === null) return faults;
  if (streamed.end !== 'clean') faults.push(`the stream ended with ${streamed.end}`);
  if (streamed.hasFailed !== (snapshot.state === 'failed')) {
    faults.push(`the stream of a ${snapshot.state} one: failed is ${streamed.hasFailed}`);
  }
  if (differ(streamed.gaps, paged.gaps)) faults.push('gaps of pages and stream differ');
  if (differ(streamed.events, paged.events)) {
    faults.push(`pages and stream differ from ${firstDifference(paged, streamed)} on`);
  }
  if (atEnd !== 204) faults.push(`at the end a stream is answered with ${atEnd}`);
  return faults;
}

/** Whatever a reader was given is there with its number and its bytes, or is evicted. */
export function readers({ claim, served: { paged } }: Evidence): readonly string[] {
  if (paged === null) return [];
  const events = new Map(paged.events.map((event) => [event.seq, event]));
  const evicted = claim.mayEvict ? (paged.gaps[0]?.to_seq ?? 0) : 0;
  const lost = [...claim.seen.values()].filter(
    (seen) => seen.seq > evicted && differ(events.get(seen.seq), seen),
  );
  const [one] = lost;
  if (one === undefined) return [];
  const now = text(events.get(one.seq));
  return [`${lost.length} events of readers are lost or other, as ${text(one)}, now ${now}`];
}

function gapFaults([gap, ...others]: readonly Gap[], mayEvict: boolean): string[] {
  const faults: string[] = [];
  if (gap !== undefined && !mayEvict) faults.push(`evicted up to ${gap.to_seq}`);
  if (gap !== undefined && gap.from_seq !== 1) faults.push(`a gap from ${gap.from_seq}`);
  if (others.length > 0) faults.push(`${others.length} gaps in the middle`);
  return faults;
}

function orderOf(events: readonly Seen[]): readonly string[] {
  const types = events.map(({ type }) => type).filter((type) => type !== 'output');
  const faults = [];
  if (!['', 'exited', 'exited,closed'].includes(types.join())) faults.push(`has ${types.join()}`);
  if (types.includes('closed') && events.at(-1)?.type !== 'closed')
    faults.push('closed is not last');
  return faults;
}

function firstDifference(one: ServedLog, other: ServedLog): number | undefined {
  const at = one.events.findIndex((event, index) => differ(event, other.events[index]));
  return one.events[at === -1 ? one.events.length - 1 : at]?.seq;
}

function differ(one: unknown, other: unknown): boolean {
  return text(one) !== text(other);
}

function text(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
