import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { onTestFinished } from 'vitest';
import { eventually } from '../support/eventually.ts';

/** A response as its bytes say, chunks joined. */
export interface RawResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Whether the last chunk, or all of the announced length, has come. */
  readonly isComplete: boolean;
  readonly trailers: Readonly<Record<string, string>>;
}

/** A bare TCP connection to a service, closed at the end of the test. */
export class RawConnection {
  readonly socket: Socket;
  readonly #pieces: Buffer[] = [];
  #end: 'open' | 'fin' | 'reset' = 'open';

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (piece) => this.#pieces.push(piece));
    socket.once('end', () => (this.#end = 'fin'));
    socket.once('error', () => (this.#end = 'reset'));
    onTestFinished(() => {
      socket.destroy();
    });
  }

  static async open({ url }: { readonly url: string }): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port) });
    await new Promise((resolve) => socket.once('connect', resolve));
    return new RawConnection(socket);
  }

  /** Sends a request whose lines are given, with `Host` and the empty line after them. */
  request(...lines: readonly string[]): this {
    const [first = '', ...rest] = lines;
    return this.write([first, 'host: localhost', ...rest, '', ''].join('\r\n'));
  }

  write(bytes: string | Uint8Array): this {
    this.socket.write(bytes);
    return this;
  }

  /** What has come so far, one character a byte. */
  get text(): string {
    return Buffer.concat(this.#pieces).toString('latin1');
  }

  get end(): 'open' | 'fin' | 'reset' {
    return this.#end;
  }

  until(isWanted: (text: string) => boolean): Promise<string> {
    return eventually(() => this.text, isWanted);
  }

  /** The first response, once its body is complete or the connection has ended. */
  async response(): Promise<RawResponse> {
    await this.until((text) => text.includes('\r\n\r\n') || this.#end !== 'open');
    await this.until((text) => parseResponse(text).isComplete || this.#end !== 'open');
    return parseResponse(this.text);
  }

  /** How the server ended the connection. */
  ended(): Promise<'open' | 'fin' | 'reset'> {
    return eventually(
      () => this.#end,
      (end) => end !== 'open',
    );
  }
}

/** Reads the bytes of one response, as many as there are. */
export function parseResponse(text: string): RawResponse {
  const headEnd = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  const headers = fieldsOf(lines);
  const rest = text.slice(headEnd + 4);
  if (headers['transfer-encoding'] === 'chunked') return { status, headers, ...dechunk(rest) };
  const isComplete = rest.length === Number(headers['content-length'] ?? 0);
  return { status, headers, body: rest, isComplete, trailers: {} };
}

type Dechunked = Pick<RawResponse, 'body' | 'isComplete' | 'trailers'>;

function dechunk(text: string): Dechunked {
  const pieces: string[] = [];
  for (let at = 0; ;) {
    const lineEnd = text.indexOf('\r\n', at);
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    const last = size === 0 ? text.indexOf('\r\n\r\n', at) : -1;
    const body = pieces.join('');
    if (last !== -1) {
      const trailers = fieldsOf(
        text
          .slice(lineEnd + 2, last)
          .split('\r\n')
          .filter(Boolean),
      );
      return { body, isComplete: true, trailers };
    }
    if (lineEnd === -1 || size === 0) return { body, isComplete: false, trailers: {} };
    pieces.push(text.slice(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}

function fieldsOf(lines: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf(':');
      return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
    }),
  );
}
