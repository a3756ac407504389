import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import { free } from '../log/memory.ts';
import { Countdown } from './countdown.ts';

/** How long a cut waits for its last bytes to leave. */
const cutMsMax = 1000;

/** Spares each response the stack trace of an `AbortError` that nobody looks at. */
const goneReason = 'the response is over';

/** A streamed response under way. Obeys backpressure, and ends in one of two ways. */
export class ResponseStream {
  readonly #raw: ServerResponse;
  readonly #stall: Countdown;
  readonly #closed = new AbortController();

  constructor(raw: ServerResponse, stallMs: number) {
    this.#raw = raw;
    this.#stall = new Countdown(stallMs);
    raw.once('close', () => {
      this.#closed.abort(goneReason);
    });
    raw.on('error', () => raw.destroy());
    raw.on('timeout', () => {
      if (this.#stall.tick()) raw.destroy();
      else raw.setTimeout(this.#stall.sliceMs);
    });
  }

  /** Aborts when the connection is gone or the response has ended. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /**
   * Writes, and waits until the reader has taken enough. False when the reader is gone, or
   * was cut because it took no byte for the stall time.
   */
  async write(bytes: Buffer | string): Promise<boolean> {
    if (this.closed.aborted) return false;
    if (!this.#raw.write(bytes)) await this.#drained();
    return !this.closed.aborted;
  }

  /**
   * Writes bytes that nobody else uses, and waits until all have left. Their memory is freed
   * then. False as {@link write}.
   */
  async handOver(bytes: Buffer): Promise<boolean> {
    if (this.closed.aborted) return false;
    const raw = this.#raw;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const lose = (): void => {
      resolve(false);
    };
    raw.once('close', lose);
    this.#watch();
    raw.write(bytes, (error) => {
      resolve(!(error instanceof Error));
    });
    const hasLeft = await promise;
    raw.setTimeout(0);
    raw.off('close', lose);
    if (hasLeft) free([bytes]);
    return hasLeft && !this.closed.aborted;
  }

  /** A clean end: the reader knows that it has everything. */
  end(trailers: Readonly<Record<string, string>> = {}): void {
    this.#raw.addTrailers(trailers);
    this.#raw.end();
  }

  /** An abrupt end: the connection closes without the last chunk, so the reader comes back. */
  cut(): void {
    const { socket } = this.#raw;
    if (socket === null) return;
    const timer = setTimeout(() => socket.destroy(), cutMsMax);
    socket.once('close', () => {
      clearTimeout(timer);
    });
    socket.destroySoon();
  }

  #drained(): Promise<void> {
    const raw = this.#raw;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const settle = (): void => {
      raw.setTimeout(0);
      raw.off('drain', settle);
      raw.off('close', settle);
      resolve(undefined);
    };
    raw.once('drain', settle);
    raw.once('close', settle);
    this.#watch();
    return promise;
  }

  /** Node restarts this timer while the kernel still takes bytes of a pending write. */
  #watch(): void {
    this.#stall.restart();
    this.#raw.setTimeout(this.#stall.sliceMs);
  }
}

/** Takes the response from Fastify and sends its head, with the headers that hooks have set. */
export function openResponse(
  reply: FastifyReply,
  { status, headers, stallMs }: ResponseHead,
): ResponseStream {
  const { raw } = reply;
  raw.writeHead(status, { ...definedHeaders(reply), ...headers });
  reply.hijack();
  raw.flushHeaders();
  return new ResponseStream(raw, stallMs);
}

/** The head of a streamed response. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** How long a reader may take no byte before it is cut. */
  readonly stallMs: number;
}

function definedHeaders(reply: FastifyReply): Record<string, string | number | string[]> {
  const entries = Object.entries(reply.getHeaders());
  return Object.fromEntries(
    entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
