import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { ConnectOptions } from '../../../src/client/remote-backend.ts';
import { connect } from '../../../src/client/remote-backend.ts';
import type { ExecProcess } from '../../../src/exec-backend.ts';

/** One answer to one request. */
export type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** A handle of a process whose server answers by a script, and the URLs it was asked for. */
export interface Scripted {
  readonly process: ExecProcess;
  readonly asked: string[];
}

/** A server that gives these answers to the requests after the first, the last one for ever. */
export async function scripted(
  answers: readonly Answer[],
  options: ConnectOptions = {},
): Promise<Scripted> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const isFirst = request.url === '/prefix/processes/p';
    if (isFirst) {
      json(snapshot)(response, request);
      return;
    }
    const { 'last-event-id': lastEventId = '' } = request.headers;
    asked.push(`${request.url ?? ''} ${lastEventId.toString()}`.trim());
    answers[Math.min(asked.length, answers.length) - 1]?.(response, request);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const client = connect(`http://127.0.0.1:${port}/prefix/`, { reconnectMsMax: 5, ...options });
  onTestFinished(async () => {
    await client.close();
    server.closeAllConnections();
    server.close();
  });
  return { process: await client.get('p'), asked };
}

/** A stream of these bytes; then cut, ended cleanly, or left open. */
export function sse(text: string, then: 'cut' | 'end' | 'open' = 'cut'): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(text, () => {
      if (then === 'end') response.end();
      if (then === 'cut') response.socket?.destroySoon();
    });
  };
}

/** A status with a JSON body. */
export function json(value: unknown, status = 200): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  };
}

/** The frame of an output event whose chunk is its seq. */
export function outputFrame(seq: number): string {
  const data = { type: 'output', seq, stream: 'stdout', encoding: 'utf8', chunk: String(seq) };
  return `event: output\ndata: ${JSON.stringify(data)}\nid: ${seq}\n\n`;
}

/** The event of {@link outputFrame}. */
export function outputEvent(seq: number): object {
  return { type: 'output', seq, stream: 'stdout', chunk: Buffer.from(String(seq)) };
}

const exit = { exit_code: 0, signal: null, exit_reason: 'exited' };

/** The frame of a close. */
export function closedFrame(seq: number): string {
  const data = { type: 'closed', seq, ...exit, output_incomplete: false };
  return `event: closed\ndata: ${JSON.stringify(data)}\nid: ${seq}\n\n`;
}

/** The event of {@link closedFrame}. */
export function closedEvent(seq: number): object {
  return { type: 'closed', seq, ...exit, output_incomplete: false };
}

const snapshot = {
  process_id: 'p',
  argv: ['true'],
  cwd: '/',
  tty: false,
  size: null,
  pipe_stdin: false,
  labels: {},
  pid: 1,
  state: 'running',
  exit_code: null,
  signal: null,
  exit_reason: null,
  failure: null,
  failure_reason: null,
  started_at: '2026-01-01T00:00:00.000Z',
  exited_at: null,
  closed_at: null,
  expires_at: null,
  first_retained_seq: 1,
  next_seq: 1,
  retained_bytes: 0,
  evicted_bytes: 0,
  stdin: 'closed',
  owner: 'r',
  output_incomplete: false,
};
