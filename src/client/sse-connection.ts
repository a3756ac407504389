import type { Readable } from 'node:stream';
import type { Http } from './http.ts';
import { Disconnected } from './recovery.ts';
import type { SseFrame } from './sse-parser.ts';
import { SseParser } from './sse-parser.ts';

/**
 * One response that is an event stream. Reads only when it is asked, so that a slow reader
 * holds back the server and not this process's memory.
 */
export class SseConnection {
  readonly #http: Http;
  readonly #signal: AbortSignal;
  readonly #body: Readable;
  readonly #pieces: AsyncIterator<unknown>;
  readonly #parser = new SseParser();
  readonly #openedAt = performance.now();

  constructor(http: Http, body: Readable, signal: AbortSignal) {
    this.#http = http;
    this.#signal = signal;
    this.#body = body;
    this.#pieces = body[Symbol.asyncIterator]();
  }

  /** The pause before a reconnect that the server asked for; null when it did not. */
  get retryMs(): number | null {
    return this.#parser.retryMs;
  }

  /** Whether it has stood long enough not to count as one more failed attempt. */
  get isSteady(): boolean {
    return performance.now() - this.#openedAt >= steadyMs;
  }

  /** The next frames, or none for a sign of life. Rejects with {@link Disconnected} at its end. */
  async frames(): Promise<readonly SseFrame[]> {
    const bytes = await this.#http.piece(this.#pieces, this.#signal);
    if (bytes !== null) return this.#parser.push(bytes);
    throw new Disconnected('the event stream ended before its last event', null);
  }

  /** Nothing more is wanted. A connection that is at its end already is kept for others. */
  async finish(): Promise<void> {
    try {
      await this.#http.piece(this.#pieces, this.#signal);
    } catch {
      // It was cut after its last event.
    } finally {
      this.#body.destroy();
    }
  }
}

const steadyMs = 1000;
