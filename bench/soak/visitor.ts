import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:http';
import { buffersOf, keepAlive, readText } from '../client.ts';

/** A request; a body makes it a POST, an object is sent as JSON. */
export interface Asked {
  readonly method?: string;
  readonly body?: object | string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Connections that nobody uses again. */
const once = new Agent({ keepAlive: false });

/** One client of a service that does all that clients do. */
export class Visitor {
  readonly #url: string;
  readonly #agent = keepAlive(4);

  constructor(url: string) {
    this.#url = url;
  }

  /** The body of an answer, which must be a success. */
  async ask(path: string, asked: Asked = {}): Promise<string> {
    const response = await this.#send(path, asked, this.#agent);
    const text = await readText(response);
    const { statusCode = 0 } = response;
    if (statusCode >= 200 && statusCode < 300) return text;
    throw new Error(`${path} answered ${statusCode}: ${text}`);
  }

  /** An answer on a connection of its own, its body unread; must be a success. */
  async open(path: string, asked: Asked = {}): Promise<IncomingMessage> {
    const response = await this.#send(path, asked, once);
    const { statusCode = 0 } = response;
    if (statusCode >= 200 && statusCode < 300) return response;
    throw new Error(`${path} answered ${statusCode}: ${await readText(response)}`);
  }

  /** Asks, and goes away before the answer or in the middle of the body. */
  async abandon(path: string, asked: Asked = {}, afterMs = 20): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const outgoing = outgoingOf(`${this.#url}${path}`, asked, once);
    outgoing.on('error', () => undefined);
    outgoing.on('response', (response) => response.on('error', () => undefined).resume());
    outgoing.once('close', () => {
      resolve(undefined);
    });
    if (asked.body === undefined) outgoing.end();
    else outgoing.write(bytesOf(asked.body));
    setTimeout(() => outgoing.destroy(), afterMs);
    return promise;
  }

  /** Starts a process that is soon forgotten; its path. */
  async start(start: object): Promise<string> {
    const body = { retention_ms: 1500, ...start };
    const answer: unknown = JSON.parse(await this.ask('/processes', { body }));
    if (typeof answer !== 'object' || answer === null || !('process_id' in answer))
      throw new Error(`not a process: ${JSON.stringify(answer)}`);
    return `/processes/${String(answer.process_id)}`;
  }

  /** Closes the connections that it keeps. */
  leave(): void {
    this.#agent.destroy();
  }

  #send(path: string, asked: Asked, agent: Agent): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const outgoing = outgoingOf(`${this.#url}${path}`, asked, agent);
    outgoing.once('response', resolve).once('error', reject);
    outgoing.end(asked.body === undefined ? undefined : bytesOf(asked.body));
    return promise;
  }
}

/** What a response brings until its end or until so many bytes have come; then it is cut. */
export async function readUpTo(response: IncomingMessage, bytesMax: number): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of buffersOf(response)) {
    pieces.push(piece);
    bytes += piece.length;
    // Leaving the loop destroys the response and with it the connection.
    if (bytes >= bytesMax) break;
  }
  return Buffer.concat(pieces).toString();
}

function outgoingOf(url: string, { method, body, headers }: Asked, agent: Agent) {
  const type = typeof body === 'string' ? 'application/octet-stream' : 'application/json';
  return request(url, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...(body === undefined ? {} : { 'content-type': type }), ...headers },
    agent,
  });
}

function bytesOf(body: object | string): string {
  return typeof body === 'string' ? body : JSON.stringify(body);
}
