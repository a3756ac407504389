/** One wait of a {@link WakeList}: `promise` says whether it was woken before its deadline. */
export interface Wait {
  readonly promise: Promise<boolean>;
  /** Wakes this wait alone. */
  readonly wake: () => void;
}

/**
 * Who waits for the log to change. Testing and {@link wait} must happen in one synchronous
 * step: a change between the two would be missed, since a wake is not remembered.
 */
export class WakeList {
  readonly #wakes = new Set<() => void>();

  /** How many wait. */
  get size(): number {
    return this.#wakes.size;
  }

  /** Waits for the next {@link wakeAll}, at most `waitMs`, 0 to 2^31 − 1. */
  wait(waitMs: number): Wait {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const settle = (isWoken: boolean): void => {
      clearTimeout(timer);
      this.#wakes.delete(wake);
      resolve(isWoken);
    };
    const wake = (): void => {
      settle(true);
    };
    const timer = setTimeout(settle, waitMs, false);
    this.#wakes.add(wake);
    return { promise, wake };
  }

  /** Wakes everyone who waits now; those that wait again are not woken twice. */
  wakeAll(): void {
    for (const wake of [...this.#wakes]) wake();
  }
}
