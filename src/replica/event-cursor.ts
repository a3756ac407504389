import type { EventStream, SubscribeParams } from '../exec-backend.ts';
import { isTerminal } from '../exec-backend.ts';
import type { LogEvent, StreamEvent } from '../log/event.ts';
import { freeChunks } from '../log/memory.ts';
import type { Wait } from '../log/wake-list.ts';
import type { Hub } from './hub.ts';

/** Where and how a cursor follows its hub. */
export interface EventCursorOptions {
  readonly hub: Hub;
  readonly after_seq: number;
  readonly from: SubscribeParams['from'];
  /** Most bytes of output that one read from the engine brings; one event at least. */
  readonly pageBytesMax: number;
  /** Called once, when the cursor is given up or has reached its end. */
  readonly onClose: (reason: 'lagged' | 'ended') => void;
}

/**
 * A follower of one log: a single number over the hub's batches and the engine's pages.
 * Replay and live are the same loop, so nothing can fall between them.
 */
export class EventCursor implements EventStream {
  readonly #options: EventCursorOptions;
  #cursor: number;
  #isDone = false;
  #wait: Wait | null = null;
  #page: readonly LogEvent[] = [];

  constructor(options: EventCursorOptions) {
    this.#options = options;
    this.#cursor = options.after_seq;
    options.hub.follow();
  }

  async next(waitMs: number): Promise<readonly StreamEvent[] | null> {
    freeChunks(this.#page);
    this.#page = [];
    while (!this.#isDone) {
      const events = this.#atHand() ?? (await this.#stored());
      if (events !== null) return this.#give(events);
      if (!(await this.#changed(waitMs))) return [];
    }
    return null;
  }

  close(): void {
    this.#finish('ended');
    this.#wait?.wake();
  }

  /** What can be said without the engine: how the stream ends, or a batch in memory. */
  #atHand(): readonly StreamEvent[] | null {
    const { hub, from } = this.#options;
    const { head } = hub;
    if (hub.isDraining) return [{ type: 'draining' }];
    if (from === 'replay' && this.#cursor + 1 < head.first_replay_seq) {
      return [{ type: 'lagged', after_seq: this.#cursor }];
    }
    if (this.#cursor < head.last_seq) return hub.recent(this.#cursor) ?? null;
    const failure = hub.failure();
    return failure === null ? null : [failure];
  }

  async #stored(): Promise<readonly StreamEvent[] | null> {
    const { hub, pageBytesMax } = this.#options;
    if (this.#cursor >= hub.head.last_seq) return null;
    const { gap, events } = await hub.read({ after_seq: this.#cursor, max_bytes: pageBytesMax });
    this.#page = events;
    return gap === null ? events : [gap, ...events];
  }

  async #changed(waitMs: number): Promise<boolean> {
    const { hub } = this.#options;
    if (this.#isDone || this.#cursor < hub.endSeq || hub.isDraining) return true;
    this.#wait = hub.wait(waitMs);
    const isWoken = await this.#wait.promise;
    this.#wait = null;
    return isWoken;
  }

  #give(events: readonly StreamEvent[]): readonly StreamEvent[] | null {
    if (this.#isDone) return null;
    const last = events.at(-1);
    if (last === undefined) return events;
    if (last.type === 'lagged') this.#finish('lagged');
    else if (last.type === 'draining' || isTerminal(last)) this.#finish('ended');
    else this.#cursor = last.type === 'gap' ? last.to_seq : last.seq;
    return events;
  }

  #finish(reason: 'lagged' | 'ended'): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#options.hub.unfollow();
    this.#options.onClose(reason);
  }
}
