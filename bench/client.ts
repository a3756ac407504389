import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:http';

/** A request; a body makes it a POST. */
export interface Call {
  readonly accept?: string;
  readonly body?: object;
  readonly agent?: Agent;
}

/** Connections that are used again. */
export function keepAlive(connectionsMax: number): Agent {
  return new Agent({ keepAlive: true, maxSockets: connectionsMax });
}

/** Sends a request; resolves with the response, its body unread. Rejects unless it is a success. */
export function call(url: string, { accept, body, agent }: Call = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...(accept === undefined ? {} : { accept }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const method = body === undefined ? 'GET' : 'POST';
    const outgoing = request(url, { method, headers, agent: agent ?? false }, (response) => {
      const { statusCode = 0 } = response;
      if (statusCode >= 200 && statusCode < 300) resolve(response);
      else reject(new Error(`${method} ${url} answered ${statusCode}`));
      if (statusCode >= 300) response.resume();
    });
    outgoing.once('error', reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** The body of a request as text. */
export async function textOf(url: string, options?: Call): Promise<string> {
  return readText(await call(url, options));
}

/** The rest of a response as text. */
export async function readText(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of buffersOf(response)) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

/** The pieces of a body. Throws when it ends without its last chunk. */
export async function* buffersOf(response: IncomingMessage): AsyncGenerator<Buffer> {
  for await (const piece of response) if (Buffer.isBuffer(piece)) yield piece;
}

/** Starts a process of the service; resolves with its path. */
export async function startProcess(url: string, start: object): Promise<string> {
  const response = await call(`${url}/processes`, { body: start });
  response.resume();
  return `${url}${response.headers.location ?? ''}`;
}

/** Ends the stdin of a process, for which the children of the load cases wait. */
export async function go(processUrl: string): Promise<void> {
  await textOf(`${processUrl}/stdin`, { body: { eof: true } });
}
