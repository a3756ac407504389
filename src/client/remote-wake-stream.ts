import type { Wake, WakeStream } from '../exec-backend.ts';
import { linkAbort, pause, timerMsMax } from './abort.ts';
import type { RecoveryLimits } from './recovery.ts';
import { Recovery, isPassing, recovering } from './recovery.ts';

/** How to ask for a head, and what the reader knows of it. */
export interface RemoteWakeStreamOptions {
  readonly after_seq: number | null;
  /** The head as soon as it is past `after_seq`, or after `waitMs`. */
  readonly poll: (request: WakePoll) => Promise<Wake>;
  readonly limits: RecoveryLimits;
}

/** One question for a head; a null cursor is answered at once. */
export interface WakePoll {
  readonly after_seq: number | null;
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/**
 * Follows a head by long-polls and not by server-sent events: a poll answers with the newest
 * head when it is asked for, and says whether the process is over, which a `wake` frame does
 * not. When the server is gone for too long the process counts as failed.
 */
export class RemoteWakeStream implements WakeStream {
  readonly #options: RemoteWakeStreamOptions;
  readonly #recovery: Recovery;
  readonly #closing = new AbortController();
  readonly #unlink: () => void;
  #given: number | null;
  #isOver = false;

  constructor(options: RemoteWakeStreamOptions) {
    this.#options = options;
    this.#recovery = new Recovery(options.limits);
    this.#given = options.after_seq;
    this.#unlink = linkAbort(options.limits.closed, this.#closing);
  }

  async next(waitMs: number): Promise<Wake | 'idle' | null> {
    if (this.#isOver) return null;
    const turn = new AbortController();
    const unlink = linkAbort(this.#closing.signal, turn);
    const abort = (): void => {
      turn.abort();
    };
    const timer = setTimeout(abort, Math.min(waitMs + answerMsMax, timerMsMax));
    try {
      return await this.#changed(performance.now() + waitMs, turn.signal);
    } catch (error) {
      return this.#afterError(error, turn.signal.aborted);
    } finally {
      clearTimeout(timer);
      unlink();
    }
  }

  close(): void {
    this.#end();
    this.#closing.abort();
  }

  async #changed(deadline: number, signal: AbortSignal): Promise<Wake | 'idle' | null> {
    for (;;) {
      const waitMs = Math.max(0, Math.ceil(deadline - performance.now()));
      const askedAt = performance.now();
      const wake = await this.#poll(Math.min(waitMs, pollMsMax), signal);
      if (signal.aborted) return this.#isOver ? null : 'idle';
      if (this.#given === null || wake.seq > this.#given) return this.#give(wake);
      const restMs = deadline - performance.now();
      if (restMs <= 0) return 'idle';
      // A server that shuts down answers at once; do not ask it all the time.
      if (performance.now() - askedAt < earlyMs) await pause(Math.min(restMs, earlyMs), [signal]);
    }
  }

  #poll(waitMs: number, signal: AbortSignal): Promise<Wake> {
    const ask = (): Promise<Wake> => this.#options.poll({ after_seq: this.#given, waitMs, signal });
    return recovering(this.#recovery, ask, signal);
  }

  #give(wake: Wake): Wake {
    this.#given = wake.seq;
    if (wake.closed || wake.failed) this.#end();
    return wake;
  }

  #afterError(error: unknown, isLate: boolean): Wake | 'idle' | null {
    if (this.#closing.signal.aborted) return null;
    if (isLate) return 'idle';
    this.#end();
    if (!isPassing(error)) throw error;
    const seq = (this.#given ?? 0) + 1;
    return { seq, next_seq: seq, closed: false, failed: true };
  }

  #end(): void {
    this.#isOver = true;
    this.#unlink();
  }
}

/** The longest wait that the wire allows. */
const pollMsMax = 60_000;

/** How long after its deadline an answer may still come. */
const answerMsMax = 1000;

const earlyMs = 100;
