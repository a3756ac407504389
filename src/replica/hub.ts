import type { LogHead, LogPage, ReadQuery } from '../engine/engine.ts';
import { ProcessionError } from '../errors.ts';
import type { AppendedEvent, FailedEvent } from '../log/event.ts';
import { payloadBytes, seqOf } from '../log/event.ts';
import type { Lifecycle } from '../log/lifecycle.ts';
import { exitOf } from '../log/lifecycle.ts';
import type { Wait } from '../log/wake-list.ts';
import { WakeList } from '../log/wake-list.ts';

/** What a hub starts from and reads older events with. */
export interface HubOptions {
  readonly head: LogHead;
  readonly lifecycle: Lifecycle;
  /** Reads what is no longer in memory. */
  readonly read: (query: ReadQuery) => Promise<LogPage>;
  /** Bytes of recent output kept in memory while there are followers. */
  readonly ringBytesMax: number;
  /** Aborts when the service shuts down. */
  readonly draining: AbortSignal;
}

interface Batch {
  readonly events: readonly AppendedEvent[];
  readonly bytes: number;
}

/**
 * One log as this replica sees it: the committed head, the state, and for followers the
 * newest batches, shared by all of them. Knows nothing that the engine has not accepted.
 */
export class Hub {
  readonly #options: HubOptions;
  readonly #waiting = new WakeList();
  #head: LogHead;
  #lifecycle: Lifecycle;
  #followers = 0;
  #ring: Batch[] = [];
  #ringBytes = 0;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#head = options.head;
    this.#lifecycle = options.lifecycle;
  }

  get head(): LogHead {
    return this.#head;
  }

  get lifecycle(): Lifecycle {
    return this.#lifecycle;
  }

  get isDraining(): boolean {
    return this.#options.draining.aborted;
  }

  /** The newest seq, and one more once the process failed: the end of every cursor. */
  get endSeq(): number {
    return this.#head.last_seq + (this.#lifecycle.state === 'failed' ? 1 : 0);
  }

  /**
   * Makes committed events visible and wakes whoever waits. Says whether it keeps the events:
   * then neither the array nor the chunks may change.
   */
  publish(events: readonly AppendedEvent[], head: LogHead, lifecycle: Lifecycle): boolean {
    this.#head = head;
    this.#lifecycle = lifecycle;
    const isKept = this.#followers > 0 && events.length > 0 && this.#remember(events);
    this.#waiting.wakeAll();
    return isKept;
  }

  /** Part of the log was evicted between two appends. */
  evicted({ first_retained_seq, evicted_bytes }: LogHead): void {
    const { first_replay_seq, retained_bytes, evicted_bytes: before } = this.#head;
    this.#head = {
      ...this.#head,
      first_retained_seq,
      first_replay_seq: Math.max(first_replay_seq, first_retained_seq),
      retained_bytes: retained_bytes - (evicted_bytes - before),
      evicted_bytes,
    };
  }

  /** Wakes whoever waits although nothing was added, so that it looks at the state again. */
  nudge(): void {
    this.#waiting.wakeAll();
  }

  /** Waits for a change. Look at the state in the same synchronous step: see {@link WakeList}. */
  wait(waitMs: number): Wait {
    return this.#waiting.wait(waitMs);
  }

  /** Throws `cursor_ahead` for a cursor past the end. */
  checkCursor(cursor: number): void {
    if (cursor <= this.endSeq) return;
    const { last_seq } = this.#head;
    throw new ProcessionError(
      'cursor_ahead',
      `the cursor is ${String(cursor)}, the newest seq is ${String(last_seq)}`,
      { head_seq: last_seq, next_seq: last_seq + 1 },
    );
  }

  /** Keeps recent batches in memory until the matching {@link unfollow}. */
  follow(): void {
    this.#followers += 1;
  }

  /** Forgets the batches with the last follower. */
  unfollow(): void {
    this.#followers -= 1;
    if (this.#followers === 0) this.#forget();
  }

  /**
   * The batch in memory that begins after `cursor`; undefined when only the engine has it.
   * Followers at the same cursor get the same array.
   */
  recent(cursor: number): readonly AppendedEvent[] | undefined {
    for (let index = this.#ring.length - 1; index >= 0; index -= 1) {
      const events = this.#ring[index]?.events ?? [];
      const [first] = events;
      if (first === undefined) continue;
      const skip = cursor + 1 - seqOf(first);
      if (skip === 0) return events;
      if (skip > 0) return events.slice(skip);
    }
    return undefined;
  }

  /** Reads whole events after a cursor from the engine, none that is not published yet. */
  async read(query: ReadQuery): Promise<LogPage> {
    const { gap, events } = await this.#options.read(query);
    return { gap, events: events.filter(({ seq }) => seq <= this.#head.last_seq) };
  }

  /** The unsequenced last event of a failed process; null otherwise. */
  failure(): FailedEvent | null {
    const lifecycle = this.#lifecycle;
    if (lifecycle.state !== 'failed') return null;
    const { message, failure_reason } = lifecycle;
    const exit = exitOf(lifecycle) ?? { exit_code: null, signal: null, exit_reason: null };
    return { type: 'failed', last_seq: this.#head.last_seq, message, failure_reason, ...exit };
  }

  /** The ring has no holes, so a batch that it does not keep empties it. */
  #remember(events: readonly AppendedEvent[]): boolean {
    const bytes = events.reduce((sum, event) => sum + payloadBytes(event), 0);
    if (bytes >= batchBytesMax) {
      this.#forget();
      return false;
    }
    this.#ring.push({ events, bytes });
    this.#ringBytes += bytes;
    while (this.#ring.length > 1 && this.#isRingOver()) {
      this.#ringBytes -= this.#ring.shift()?.bytes ?? 0;
    }
    return true;
  }

  #forget(): void {
    this.#ring = [];
    this.#ringBytes = 0;
  }

  #isRingOver(): boolean {
    return this.#ringBytes > this.#options.ringBytesMax || this.#ring.length > ringBatchesMax;
  }
}

/**
 * A batch of so many bytes comes from a program that moves much: its readers soon differ in
 * their places, and its memory is worth more than the read from the engine.
 */
const batchBytesMax = 64 * 1024;

/** Bounds the batches of few bytes; more than a quick reader is ever behind. */
const ringBatchesMax = 256;
