import type { ProcessRecord } from '../engine/engine.ts';
import type { Observer } from './observer.ts';

/** Counts the open streams of each log, so that a removed one is deleted after its readers. */
export class OpenStreams {
  readonly #observer: Observer;
  readonly #counts = new Map<string, number>();
  readonly #waiting = new Map<string, () => void>();

  constructor(observer: Observer) {
    this.#observer = observer;
  }

  /** Counts a stream until the returned function is called, once. */
  open({ incarnation }: ProcessRecord): (reason: 'lagged' | 'ended') => void {
    this.#counts.set(incarnation, (this.#counts.get(incarnation) ?? 0) + 1);
    this.#observer.followed();
    return (reason) => {
      this.#observer.unfollowed(reason);
      this.#close(incarnation);
    };
  }

  /** Resolves when the log has no open stream; for one caller a log. */
  whenIdle({ incarnation }: ProcessRecord): Promise<void> {
    if (!this.#counts.has(incarnation)) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#waiting.set(incarnation, () => {
      resolve(undefined);
    });
    return promise;
  }

  #close(incarnation: string): void {
    const left = (this.#counts.get(incarnation) ?? 1) - 1;
    if (left > 0) {
      this.#counts.set(incarnation, left);
      return;
    }
    this.#counts.delete(incarnation);
    this.#waiting.get(incarnation)?.();
    this.#waiting.delete(incarnation);
  }
}
