import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LocalProcess } from '../../src/backend/local-process.ts';
import { isTerminal } from '../../src/exec-backend.ts';
import type { Subscription } from '../../src/exec-backend.ts';
import type { LogEvent, StreamEvent } from '../../src/log/event.ts';
import { payloadBytes } from '../../src/log/event.ts';
import type { Replica } from '../unit/replica/fixtures.ts';
import {
  closedEvent,
  closedState,
  exitedEvent,
  exitedState,
  failedState,
  output,
  replicaOf,
} from '../unit/replica/fixtures.ts';
import { bytesOf, MemoryEngine } from '../unit/replica/memory-engine.ts';

/** A reader that waits this long has missed something: all that is written comes at once. */
const lostMs = 10_000;

interface ReaderPlan {
  readonly kind: 'replay' | 'retained' | 'pages' | 'wakes';
  /** Null: without a cursor. Else the part of the head at which it begins. */
  readonly start: number | null;
  /** After so many answers it comes back with its last cursor. */
  readonly reconnectAfter: number;
  readonly maxBytes: number;
  /** So many turns pass between two answers. */
  readonly pauses: number;
}

interface Plan {
  readonly retainedBytesMax: number;
  readonly replay: { readonly eventsMax: number; readonly bytesMax: number };
  readonly ringBytesMax: number;
  readonly pageBytesMax: number;
  readonly batches: readonly (readonly number[])[];
  readonly exitAfter: number;
  readonly end: 'closed' | 'failed';
  readonly readers: readonly ReaderPlan[];
}

const size = fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 60 }));

const plans: fc.Arbitrary<Plan> = fc.record({
  retainedBytesMax: fc.integer({ min: 1, max: 200 }),
  replay: fc.record({
    eventsMax: fc.integer({ min: 1, max: 12 }),
    bytesMax: fc.integer({ min: 1, max: 100 }),
  }),
  ringBytesMax: fc.integer({ min: 1, max: 100 }),
  pageBytesMax: fc.integer({ min: 1, max: 60 }),
  batches: fc.array(fc.array(size, { minLength: 1, maxLength: 5 }), { maxLength: 12 }),
  exitAfter: fc.nat(14),
  end: fc.constantFrom('closed', 'closed', 'failed'),
  readers: fc.array(
    fc.record({
      kind: fc.constantFrom('replay', 'retained', 'pages', 'wakes'),
      start: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
      reconnectAfter: fc.integer({ min: 1, max: 6 }),
      maxBytes: fc.integer({ min: 0, max: 60 }),
      pauses: fc.nat(4),
    }),
    { minLength: 1, maxLength: 5 },
  ),
});

type Step = Parameters<Replica['append']>;

/** The whole log as it will be appended, batch by batch; the exit may come before output. */
function stepsOf({ batches, exitAfter, end }: Plan): Step[] {
  const steps: Step[] = [];
  let seq = 0;
  let state: ReturnType<typeof exitedState> | undefined;
  const exit = (): void => {
    seq += 1;
    state = exitedState(seq);
    steps.push([[exitedEvent(seq)], state]);
  };
  for (const [index, sizes] of batches.entries()) {
    if (index === exitAfter) exit();
    steps.push([sizes.map((bytes) => output(++seq, bytes)), state]);
  }
  if (end === 'failed') return [...steps, [[], failedState(state ?? null)]];
  if (state === undefined) exit();
  const closed = { ...closedState(seq + 1), ...state, state: 'closed' as const };
  return [...steps, [[closedEvent(seq + 1)], closed]];
}

/** One reader, checked against the log at every answer. */
class Reader {
  readonly #plan: ReaderPlan;
  readonly #process: LocalProcess;
  readonly #replica: Replica;
  readonly #log: readonly LogEvent[];
  readonly #turn: () => Promise<unknown>;
  readonly #met: Set<string>;
  #cursor: number | null;
  #isOver = false;

  constructor(plan: ReaderPlan, replica: Replica, rest: ReaderWorld) {
    this.#plan = plan;
    this.#replica = replica;
    this.#process = rest.process;
    this.#log = rest.log;
    this.#turn = rest.turn;
    this.#met = rest.met;
    const { last_seq } = replica.hub.head;
    this.#cursor = plan.start === null ? null : Math.round(plan.start * last_seq);
  }

  async run(): Promise<void> {
    let from = this.#plan.kind;
    while (!this.#isOver) {
      await this.#published();
      if (from === 'wakes') await this.#readWakes();
      else if (from === 'pages') await this.#readPages();
      else from = (await this.#readEvents(from)) ? 'retained' : this.#plan.kind;
    }
  }

  /** Reads one connection; true when it lagged. */
  async #readEvents(from: 'replay' | 'retained'): Promise<boolean> {
    const { first_replay_seq, first_retained_seq } = this.#replica.hub.head;
    const oldest = from === 'replay' ? first_replay_seq : first_retained_seq;
    const subscription = await this.#process.subscribeEvents({ after_seq: this.#cursor, from });
    this.#cursor ??= oldest - 1;
    if (subscription.kind === 'ended') this.#end();
    if (subscription.kind === 'lagged') this.#take([{ type: 'lagged', after_seq: this.#cursor }]);
    return subscription.kind === 'lagged' || this.#readStream(subscription);
  }

  async #readStream(subscription: Subscription): Promise<boolean> {
    if (subscription.kind !== 'stream') return false;
    const { stream } = subscription;
    for (let answer = 0; answer < this.#plan.reconnectAfter; answer += 1) {
      await this.#pause();
      const events = await stream.next(lostMs);
      if (events === null) throw new Error('the stream ended without saying why');
      if (events.length === 0) throw new Error('the stream slept although there was news');
      this.#take(events);
      const last = events.at(-1);
      if (last?.type !== 'lagged' && !this.#isOver) continue;
      expect(await stream.next(lostMs)).toBeNull();
      return last?.type === 'lagged';
    }
    stream.close();
    return false;
  }

  #take(events: readonly StreamEvent[]): void {
    const { engine, hub, record } = this.#replica;
    for (const event of events) {
      this.#met.add(event.type);
      const cursor = this.#cursor ?? -1;
      expect(this.#isOver).toBe(false);
      if (event.type === 'gap') {
        const hole = this.#log.slice(cursor, event.to_seq);
        expect(event).toEqual({
          type: 'gap',
          from_seq: cursor + 1,
          to_seq: event.to_seq,
          bytes: bytesOf(hole),
        });
        expect(hole.length).toBeGreaterThan(0);
        expect(event.to_seq).toBeLessThan(engine.stored(record)?.head.first_retained_seq ?? 0);
        this.#cursor = event.to_seq;
      } else if (event.type === 'lagged') {
        expect(event.after_seq).toBe(cursor);
        expect(hub.head.first_replay_seq).toBeGreaterThan(cursor + 1);
      } else if (event.type === 'failed') {
        expect(event).toEqual(hub.failure());
        expect(cursor).toBe(this.#log.length);
        this.#cursor = cursor + 1;
      } else {
        expect(event).toEqual(this.#log[cursor]);
        this.#cursor = cursor + 1;
      }
      if (isTerminal(event)) this.#end();
    }
    const isAhead = (this.#cursor ?? 0) > hub.endSeq;
    expect(isAhead && events.at(-1)?.type !== 'gap').toBe(false);
  }

  async #readPages(): Promise<void> {
    const { maxBytes: max_bytes } = this.#plan;
    const after_seq = (this.#cursor ??= 0);
    const page = await this.#process.read({ after_seq, max_bytes, wait_ms: lostMs });
    const { chunks, next_seq, gap, closed_seq, exit_seq, head_seq, failure } = page;
    const first = gap === null ? after_seq + 1 : gap.to_seq + 1;
    if (gap !== null) {
      const bytes = bytesOf(this.#log.slice(after_seq, gap.to_seq));
      expect(gap).toEqual({ from_seq: after_seq + 1, to_seq: gap.to_seq, bytes });
    }
    const covered = this.#log.slice(first - 1, next_seq - 1);
    expect(chunks).toEqual(
      covered.flatMap((event) => {
        if (event.type !== 'output') return [];
        const { seq, stream, chunk } = event;
        return [{ seq, stream, chunk }];
      }),
    );
    expect(bytesOf(covered.slice(1))).toBeLessThanOrEqual(
      Math.max(0, max_bytes - payloadBytes(covered[0] ?? output(1, 0))),
    );
    const end_seq = head_seq + (failure === null ? 1 : 2);
    expect(next_seq).toBeLessThanOrEqual(Math.max(end_seq, first));
    if (covered.some(({ type }) => type === 'exited')) expect(exit_seq).toBeLessThan(next_seq);
    if (covered.some(({ type }) => type === 'closed')) expect(closed_seq).toBe(next_seq - 1);
    this.#cursor = next_seq - 1;
    const isDone =
      closed_seq === null ? failure !== null && next_seq > head_seq : next_seq > closed_seq;
    if (isDone) this.#end(head_seq);
    else expect(next_seq).toBeGreaterThan(after_seq + 1);
    await this.#pause();
  }

  async #readWakes(): Promise<void> {
    const subscription = await this.#process.subscribeWake({ after_seq: this.#cursor });
    if (subscription.kind === 'ended') {
      this.#end();
      return;
    }
    const { stream } = subscription;
    for (let answer = 0; answer < this.#plan.reconnectAfter && !this.#isOver; answer += 1) {
      await this.#pause();
      const wake = await stream.next(lostMs);
      if (wake === null || wake === 'idle' || wake === 'draining') throw new Error(String(wake));
      const { endSeq, head, lifecycle } = this.#replica.hub;
      expect(wake).toEqual({
        seq: endSeq,
        next_seq: head.last_seq + 1,
        closed: lifecycle.state === 'closed',
        failed: lifecycle.state === 'failed',
      });
      expect(wake.seq).toBeGreaterThan(this.#cursor ?? -1);
      this.#cursor = wake.seq;
      if (wake.closed || wake.failed) {
        this.#end();
        expect(await stream.next(lostMs)).toBeNull();
      }
    }
    stream.close();
  }

  /** A gap may name what was evicted by an append of which the hub is not told yet. */
  async #published(): Promise<void> {
    do await this.#turn();
    while ((this.#cursor ?? 0) > this.#replica.hub.endSeq);
  }

  async #pause(): Promise<void> {
    for (let turn = 0; turn < this.#plan.pauses; turn += 1) await this.#turn();
  }

  #end(cursor = this.#replica.hub.endSeq): void {
    expect(this.#cursor).toBe(cursor);
    expect(['closed', 'failed']).toContain(this.#replica.hub.lifecycle.state);
    this.#isOver = true;
  }
}

interface ReaderWorld {
  readonly log: readonly LogEvent[];
  readonly process: LocalProcess;
  readonly turn: () => Promise<unknown>;
  /** Every type of event that some reader had. */
  readonly met: Set<string>;
}

test('every reader gets every event once, in order, or is told what is missing', async () => {
  const met = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), plans, async (scheduler, plan) => {
      const turn = (): Promise<unknown> => scheduler.schedule(Promise.resolve());
      const engine = new MemoryEngine(plan);
      const replica = await replicaOf(engine, { ringBytesMax: plan.ringBytesMax });
      const { record, hub } = replica;
      let streams = 0;
      const process = new LocalProcess({
        record,
        hub,
        live: null,
        pageBytesMax: plan.pageBytesMax,
        onResize: (resized, size) => engine.resize(resized, size),
        onFollow: () => {
          streams += 1;
          return () => {
            streams -= 1;
          };
        },
      });
      engine.before = turn;
      engine.after = turn;
      const steps = stepsOf(plan);
      const log = steps.flatMap(([events]) => [...events]);
      const write = async (): Promise<void> => {
        for (const step of steps) {
          await turn();
          await replica.append(...step);
        }
      };
      const read = async (reader: ReaderPlan): Promise<void> => {
        for (let late = 0; late < reader.pauses; late += 1) await turn();
        await new Reader(reader, replica, { log, process, turn, met }).run();
      };
      await scheduler.waitFor(Promise.all([write(), ...plan.readers.map(read)]));
      expect(streams).toBe(0);
      expect(hub.recent(hub.head.last_seq - 1)).toBeUndefined();
    }),
    { numRuns: 400 },
  );
  expect([...met].sort()).toEqual(['closed', 'exited', 'failed', 'gap', 'lagged', 'output']);
});
