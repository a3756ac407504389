/**
 * Shares one sync among all who ask for it while another one is under way: each gets one that
 * began after he asked.
 */
export class GroupSync {
  readonly #sync: () => Promise<void>;
  #underway: Promise<unknown> = Promise.resolve();
  #next: Promise<void> | null = null;

  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  /** Resolves when what had been written before the call survives a loss of power. */
  request(): Promise<void> {
    this.#next ??= this.#underway.then(() => {
      this.#next = null;
      const sync = this.#sync();
      this.#underway = sync.catch(() => undefined);
      return sync;
    });
    return this.#next;
  }
}
