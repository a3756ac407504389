import { Writable } from 'node:stream';

/** The writing end of a pipe whose reader takes one piece each time it is told to. */
export class HeldPipe extends Writable {
  readonly taken: Buffer[] = [];
  #waiting: (() => void) | null = null;
  #isFree = false;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#waiting = () => {
      this.taken.push(chunk);
      this.#waiting = null;
      done();
    };
    if (this.#isFree) this.#waiting();
  }

  get text(): string {
    return Buffer.concat(this.taken).toString();
  }

  /** Takes the piece that waits. */
  take(): void {
    this.#waiting?.();
  }

  /** Takes all pieces, now and later. */
  takeAll(): void {
    this.#isFree = true;
    this.#waiting?.();
  }
}
