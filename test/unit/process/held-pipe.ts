import { Writable } from 'node:stream';
import type { ChildStdin } from '../../../src/process/spawner.ts';

/** The writing end of a pipe whose reader takes one piece each time it is told to. */
export class HeldPipe extends Writable implements ChildStdin {
  readonly stream = this;
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

  hasReader(): boolean {
    return !this.destroyed;
  }

  endOfFile(): null {
    return null;
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
