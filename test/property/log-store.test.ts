import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LogPage } from '../../src/engine/engine.ts';
import { headOf } from '../../src/engine/files/logs/layout.ts';
import type { SegmentedLog } from '../../src/engine/files/logs/segmented-log.ts';
import type { LogEvent, OutputEvent, StreamName } from '../../src/log/event.ts';
import { payloadBytes } from '../../src/log/event.ts';
import { pageOf, segmentedLog } from '../unit/engine/fixtures.ts';

type Step =
  | { readonly kind: 'append'; readonly sizes: readonly number[] }
  | { readonly kind: 'reader'; readonly at: number; readonly max_bytes: number }
  | { readonly kind: 'read'; readonly reader: number }
  | { readonly kind: 'reopen' };

interface Case {
  readonly retainedBytesMax: number;
  readonly replay: { readonly eventsMax: number; readonly bytesMax: number };
  readonly steps: readonly Step[];
}

/** A reader as it pages, and what it had: each event or hole in order. */
interface Reader {
  readonly start: number;
  readonly max_bytes: number;
  cursor: number;
  readonly seen: LogEvent[];
  gapBytes: number;
}

const cases: fc.Arbitrary<Case> = fc
  .record({
    retainedBytesMax: fc.integer({ min: 1, max: 400 }),
    eventsMax: fc.integer({ min: 1, max: 20 }),
    bytesMax: fc.integer({ min: 1, max: 400 }),
  })
  .chain(({ retainedBytesMax, eventsMax, bytesMax }) =>
    fc.record({
      retainedBytesMax: fc.constant(retainedBytesMax),
      replay: fc.constant({ eventsMax, bytesMax }),
      steps: fc.array(stepsWithin(retainedBytesMax), { maxLength: 40, size: 'max' }),
    }),
  );

function stepsWithin(retainedBytesMax: number): fc.Arbitrary<Step> {
  const size = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 3 * retainedBytesMax }) },
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 1 + (retainedBytesMax >> 3) }) },
    { weight: 2, arbitrary: fc.constant(1) },
    { weight: 1, arbitrary: fc.constant(32_000) },
  );
  const kind = <K extends Step['kind']>(name: K) => fc.constant(name);
  const sizes = fc.array(size, { maxLength: 12 });
  const max_bytes = fc.oneof(fc.constantFrom(0, 1), fc.integer({ min: 0, max: 1_000 }));
  return fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: kind('append'), sizes }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: kind('reader'),
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        max_bytes,
      }),
    },
    { weight: 6, arbitrary: fc.record({ kind: kind('read'), reader: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('reopen') }) },
  );
}

const streams: readonly StreamName[] = ['stdout', 'stderr', 'pty'];

function outputOf(seq: number, size: number): OutputEvent {
  const stream = streams[seq % 3] ?? 'stdout';
  return { type: 'output', seq, stream, chunk: Buffer.alloc(size, `${seq},`) };
}

function bytesOf(events: readonly LogEvent[]): number {
  return events.reduce((sum, event) => sum + payloadBytes(event), 0);
}

/** The log as a plain list of all that was ever appended. */
class Model {
  readonly events: LogEvent[] = [];
  readonly bounds: Omit<Case, 'steps'>;

  constructor(bounds: Omit<Case, 'steps'>) {
    this.bounds = bounds;
  }

  /** The oldest event of the replay that the bounds alone allow. */
  get firstReplaySeq(): number {
    const { eventsMax, bytesMax } = this.bounds.replay;
    let first = this.events.length;
    while (first > 1) {
      const wider = this.events.slice(first - 2);
      if (wider.length > eventsMax || bytesOf(wider) > bytesMax) break;
      first -= 1;
    }
    return Math.max(first, 1);
  }

  /** What a page must be, when the store says from where on it retains. */
  page(after_seq: number, max_bytes: number, firstRetained: number): LogPage {
    const from = Math.max(after_seq + 1, firstRetained);
    const bytes = bytesOf(this.events.slice(after_seq, firstRetained - 1));
    const gap =
      after_seq + 1 < firstRetained
        ? { type: 'gap' as const, from_seq: after_seq + 1, to_seq: firstRetained - 1, bytes }
        : null;
    const events: LogEvent[] = [];
    for (const event of this.events.slice(from - 1)) {
      if (events.length > 0 && bytesOf(events) + payloadBytes(event) > max_bytes) break;
      events.push(event);
    }
    return { gap, events };
  }
}

class Run {
  readonly #model: Model;
  readonly #directory: string;
  readonly #log: SegmentedLog;
  readonly #readers: Reader[] = [];

  constructor(directory: string, bounds: Omit<Case, 'steps'>) {
    this.#model = new Model(bounds);
    this.#directory = directory;
    this.#log = segmentedLog(directory, bounds);
  }

  step(step: Step): void {
    if (step.kind === 'append') this.#append(step.sizes);
    else if (step.kind === 'reader') this.#start(step);
    else if (step.kind === 'reopen') this.#log.close();
    else this.#read(this.#readers[step.reader % Math.max(1, this.#readers.length)]);
  }

  /** Ends the log, lets every reader go on to its end, and adds up what each had. */
  finish(): void {
    const seq = this.#model.events.length + 1;
    const status = { exit_code: 0, signal: null, exit_reason: 'exited' } as const;
    this.#add([
      { type: 'exited', seq, ...status },
      { type: 'closed', seq: seq + 1, ...status, output_incomplete: false },
    ]);
    this.#start({ at: 0, max_bytes: 100 });
    for (const reader of this.#readers) {
      while (reader.cursor < seq + 1) this.#read(reader);
      const { events } = this.#model;
      expect(reader.seen).toEqual(
        events.filter((event) => reader.seen.some((one) => one.seq === event.seq)),
      );
      expect(bytesOf(reader.seen) + reader.gapBytes).toBe(bytesOf(events.slice(reader.start)));
    }
  }

  #append(sizes: readonly number[]): void {
    const first = this.#model.events.length + 1;
    this.#add(sizes.map((size, place) => outputOf(first + place, size)));
  }

  #add(events: readonly LogEvent[]): void {
    this.#model.events.push(...events);
    const all = this.#model.events;
    const head = this.#log.append(events);
    const evicted = all.slice(0, head.first_retained_seq - 1);
    expect(head).toEqual({
      last_seq: all.length,
      first_retained_seq: head.first_retained_seq,
      first_replay_seq: Math.max(this.#model.firstReplaySeq, head.first_retained_seq),
      retained_bytes: bytesOf(all) - bytesOf(evicted),
      evicted_bytes: bytesOf(evicted),
    });
    this.#checkRetention(all.slice(head.first_retained_seq - 1));
  }

  /** Above the bound only one segment is left; below it no more is gone than a segment. */
  #checkRetention(retained: readonly LogEvent[]): void {
    const { retainedBytesMax } = this.#model.bounds;
    const segmentBytesMax = Math.max(1, Math.floor(retainedBytesMax / 16));
    if (this.#model.events.length > 0) expect(retained.length).toBeGreaterThan(0);
    if (bytesOf(retained) <= retainedBytesMax) return;
    const last = retained.findLast((event) => event.type === 'output');
    const others = bytesOf(retained) - (last === undefined ? 0 : payloadBytes(last));
    expect(others).toBeLessThan(segmentBytesMax);
  }

  #start({ at, max_bytes }: { readonly at: number; readonly max_bytes: number }): void {
    const start = Math.round(at * this.#model.events.length);
    this.#readers.push({ start, max_bytes, cursor: start, seen: [], gapBytes: 0 });
  }

  #read(reader: Reader | undefined): void {
    if (reader === undefined) return;
    const { layout } = this.#log;
    const { cursor: after_seq, max_bytes } = reader;
    const page = pageOf(this.#directory, layout, { after_seq, max_bytes });
    const { first_retained_seq } = headOf(layout);
    expect(page).toEqual(this.#model.page(after_seq, max_bytes, first_retained_seq));
    reader.seen.push(...page.events);
    reader.gapBytes += page.gap?.bytes ?? 0;
    reader.cursor = page.events.at(-1)?.seq ?? page.gap?.to_seq ?? reader.cursor;
  }
}

test('no event is lost, repeated or reordered, and every hole is named exactly', () => {
  const parent = mkdtempSync(join(tmpdir(), 'procession-property-'));
  let runs = 0;
  try {
    fc.assert(
      fc.property(cases, ({ steps, ...bounds }) => {
        runs += 1;
        const run = new Run(join(parent, runs.toString()), bounds);
        for (const step of steps) run.step(step);
        run.finish();
      }),
      { numRuns: 200 },
    );
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
});
