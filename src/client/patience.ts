/**
 * Work that is waited for in turns. A turn that ends early leaves nothing behind, as a race
 * would; a rejection is nobody's before the result is asked for.
 */
export class Patience<Result> {
  readonly result: Promise<Result>;
  #isSettled = false;
  #wake: (() => void) | null = null;

  constructor(work: Promise<Result>) {
    this.result = work;
    const settle = (): void => {
      this.#isSettled = true;
      this.#wake?.();
    };
    work.then(settle, settle);
  }

  /** Waits for `waitMs` at most; whether there is a result. */
  async settles(waitMs: number): Promise<boolean> {
    if (!this.#isSettled) await this.#turn(waitMs);
    return this.#isSettled;
  }

  #turn(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
