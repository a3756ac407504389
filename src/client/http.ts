import type { Readable } from 'node:stream';
import { Pool, errors } from 'undici';
import { ProcessionError } from '../errors.ts';
import { timerMsMax } from './abort.ts';
import { problemOf } from './problem.ts';
import { Disconnected } from './recovery.ts';

/** One request to a server. */
export interface Call {
  /** Default: GET. */
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** Below the base URL, its parts percent-encoded. */
  readonly path: string;
  readonly query?: readonly (readonly [string, string])[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | Readable;
  readonly signal?: AbortSignal | undefined;
  /** How long the server was asked to wait before it answers; null: nobody knows. */
  readonly waitMs?: number | null;
}

/** An answer that is no problem; its body has to be read to the end or destroyed. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readable;
}

/** An answer that was read. */
export interface JsonAnswer {
  readonly headers: Answer['headers'];
  /** Undefined when there was no body. */
  readonly value: unknown;
}

/**
 * Keep-alive connections to one server. Every call is one attempt: rejects with the problem
 * that was answered, with {@link Disconnected}, or when its signal aborts.
 */
export class Http {
  readonly #pool: Pool;
  readonly #base: URL;
  readonly #stallMs: number;
  readonly #closing = new AbortController();

  /** `stallMs`: how long a server may be silent when it has something to say. */
  constructor(baseUrl: string | URL, stallMs: number) {
    this.#base = new URL(baseUrl);
    this.#stallMs = stallMs;
    this.#pool = new Pool(this.#base.origin, { bodyTimeout: stallMs });
  }

  /** Aborts at {@link close}. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /** Sends a call; resolves with the head of the answer. */
  async open({
    method = 'GET',
    path,
    query = [],
    headers = {},
    body,
    signal,
    waitMs = 0,
  }: Call): Promise<Answer> {
    const prefix = this.#base.pathname.replace(/\/+$/, '');
    const search = new URLSearchParams();
    for (const [name, value] of query) search.append(name, value);
    const answer = await this.#reaching(signal, () =>
      this.#pool.request({
        method,
        path: `${prefix}${path}${search.size === 0 ? '' : '?'}${search.toString()}`,
        headers,
        body: body ?? null,
        signal: signal ?? null,
        headersTimeout: waitMs === null ? 0 : Math.min(waitMs + this.#stallMs, timerMsMax),
      }),
    );
    const { statusCode: status } = answer;
    // Errors of a body that nobody reads must not end the process.
    answer.body.on('error', ignore);
    if (status < 400) return { status, headers: answer.headers, body: answer.body };
    throw problemOf(status, await this.#reaching(signal, () => answer.body.text()));
  }

  /** Sends a call and reads its answer as JSON. */
  async json(call: Call): Promise<JsonAnswer> {
    const { headers, body } = await this.open(call);
    const text = await this.#reaching(call.signal, () => textOf(body));
    return { headers, value: text === '' ? undefined : parsed(text) };
  }

  /** The next piece of a body; null at its clean end. */
  async piece(pieces: AsyncIterator<unknown>, signal: AbortSignal): Promise<Buffer | null> {
    const piece = await this.#reaching(signal, () => pieces.next());
    return piece.done !== true && Buffer.isBuffer(piece.value) ? piece.value : null;
  }

  /** Ends every call and stream under way. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#pool.destroy();
  }

  async #reaching<Result>(
    signal: AbortSignal | undefined,
    work: () => Promise<Result>,
  ): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      if (signal?.aborted === true) throw error;
      if (this.closed.aborted) throw new ProcessionError('internal_error', 'the client is closed');
      if (error instanceof errors.InvalidArgumentError) {
        throw new ProcessionError('invalid_request', error.message, { cause: error });
      }
      throw new Disconnected(`no answer from ${this.#base.origin}`, error);
    }
  }
}

async function textOf(body: Readable): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of body) if (Buffer.isBuffer(piece)) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ProcessionError('internal_error', 'the server answered no JSON', { cause });
  }
}

function ignore(): void {
  // Whoever reads the body is told by the reading.
}
