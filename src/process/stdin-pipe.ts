import type { ChildStdin } from './spawner.ts';

/**
 * A bounded queue before a pipe. Hands the stream one small piece at a time: a stream that
 * got more would write all of it at once, and not tell before all was taken.
 */
export class StdinPipe {
  /** Aborts when nobody can read any more: a broken pipe, {@link close}, or no pipe at all. */
  readonly closed: AbortSignal;
  readonly #closing = new AbortController();
  readonly #stdin: ChildStdin | null;
  readonly #queueBytesMax: number;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #isWriting = false;
  #isEnded = false;
  #settleWait: ((outcome: 'room' | 'stalled' | 'closed') => void) | null = null;

  constructor(stdin: ChildStdin | null, queueBytesMax: number) {
    this.closed = this.#closing.signal;
    this.#stdin = stdin;
    this.#queueBytesMax = queueBytesMax;
    const onClosed = (): void => {
      this.close();
    };
    stdin?.stream.on('error', onClosed).on('close', onClosed);
    if (stdin === null) this.close();
  }

  /** Whether bytes can be pushed, now or when there is room; closes when nobody can read them. */
  get isOpen(): boolean {
    if (this.#stdin?.hasReader() === false) this.close();
    return !this.#isEnded && !this.closed.aborted;
  }

  /** How many bytes can be pushed now. */
  get roomBytes(): number {
    return this.#queueBytesMax - this.#queuedBytes;
  }

  /** Resolves at once when there is room; `stalled` when none came for that long. */
  waitForRoom(stallMs: number): Promise<'room' | 'stalled' | 'closed'> {
    if (this.closed.aborted) return Promise.resolve('closed');
    if (this.roomBytes > 0) return Promise.resolve('room');
    return new Promise((resolve) => {
      const settle = (outcome: 'room' | 'stalled' | 'closed'): void => {
        if (this.#settleWait !== settle) return;
        clearTimeout(timer);
        this.#settleWait = null;
        resolve(outcome);
      };
      // When this process was stopped, timers run before it is seen what the child has read.
      const timer = setTimeout(() => setImmediate(settle, 'stalled'), stallMs);
      this.#settleWait = settle;
    });
  }

  /** Appends at most {@link roomBytes} bytes. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += pieceBytesMax) {
      this.#queue.push(bytes.subarray(at, at + pieceBytesMax));
    }
    this.#queuedBytes += bytes.length;
    this.#writeNext();
  }

  /** Ends the pipe after what is queued; a terminal gets its end-of-file character, and stays open. */
  end(): void {
    const endOfFile = this.#stdin?.endOfFile() ?? null;
    if (endOfFile !== null) this.push(endOfFile);
    else this.#isEnded = true;
    this.#writeNext();
  }

  /** Drops what is queued; may be repeated. The reason spares the stack of an `AbortError`. */
  close(): void {
    this.#queue = [];
    this.#stdin?.stream.destroy();
    this.#closing.abort('the pipe is closed');
    this.#settleWait?.('closed');
  }

  #writeNext(): void {
    if (this.#isWriting || this.closed.aborted) return;
    const piece = this.#queue.shift();
    if (piece === undefined) {
      if (this.#isEnded) this.#stdin?.stream.end();
      return;
    }
    this.#isWriting = true;
    this.#stdin?.stream.write(piece, (error) => {
      this.#isWriting = false;
      if (error) return;
      this.#queuedBytes -= piece.length;
      this.#settleWait?.('room');
      this.#writeNext();
    });
  }
}

const pieceBytesMax = 32 * 1024;
