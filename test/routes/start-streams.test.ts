import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Process } from '../../src/protocol/process.ts';
import { eventually } from '../support/eventually.ts';
import type { TestService } from '../support/service.ts';
import { openService } from '../support/service.ts';
import { Client } from './client.ts';
import { ending, output, parseSse, readAll } from './events.ts';
import { refusal, told } from './problems.ts';
import { RawConnection } from './raw-connection.ts';

let service: TestService;
let client: Client;

beforeAll(async () => {
  service = await openService();
  client = new Client(service);
});

afterAll(() => service.stop());

function post(params: object, accept: string): Promise<Response> {
  const headers = { 'content-type': 'application/json', accept };
  return client.open('/processes', { method: 'POST', headers, body: JSON.stringify(params) });
}

/** Starts over a bare connection, whose bytes show the trailers. */
async function postRaw(params: object, accept: string): Promise<RawConnection> {
  const text = JSON.stringify(params);
  const connection = await RawConnection.open(service);
  const head = ['content-type: application/json', `content-length: ${text.length}`];
  return connection.request('POST /processes HTTP/1.1', `accept: ${accept}`, ...head).write(text);
}

describe('a start that accepts text/event-stream', () => {
  it('answers with the process as a frame without id, then its events to a clean end', async () => {
    const response = await post({ process_id: 'sse', argv: ['echo', 'hi'] }, 'text/event-stream');
    const { status, headers } = response;
    expect([status, headers.get('location')]).toEqual([201, '/processes/sse']);
    expect(headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const { text, end } = await readAll(response);
    expect(text.startsWith('retry: 2000\n\nevent: started\ndata: {"type":"started",')).toBe(true);
    const { frames, retries } = parseSse(text);
    const [started, ...rest] = frames;
    expect(started?.id).toBeNull();
    const members = Object.keys(started?.data as object).sort();
    expect(members).toEqual(['type', ...Object.keys(await client.process('sse'))].sort());
    expect({ rest, retries, end }).toEqual({
      rest: [output(1, 'hi\n'), ...ending(2)],
      retries: [2000],
      end: 'clean',
    });
  });

  it('answers a repeat with 200 and the same stream from the beginning', async () => {
    const params = { process_id: 'again', argv: ['echo', 'hi'] };
    await client.start(params);
    const { pid } = await client.closed('again');
    const response = await post(params, 'text/event-stream');
    expect([response.status, response.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    const { text, end } = await readAll(response);
    const [started, ...rest] = parseSse(text).frames;
    expect(started).toMatchObject({ event: 'started', data: { type: 'started', pid } });
    expect({ rest, end }).toEqual({ rest: [output(1, 'hi\n'), ...ending(2)], end: 'clean' });
  });

  it('goes on running when the answer is cut', async () => {
    const connection = await postRaw(
      { process_id: 'cut', argv: ['cat'], pipe_stdin: true },
      'text/event-stream',
    );
    await connection.until((text) => text.includes('event: started'));
    connection.socket.destroy();
    await eventually(
      () => client.metric('procession_readers'),
      (readers) => readers === 0,
    );
    expect(await client.process('cut')).toMatchObject({ state: 'running', exit_reason: null });
    await client.emit('cut', 'a');
    expect(await client.finish('cut')).toMatchObject({ exit_code: 0, retained_bytes: 1 });
  });
});

describe('a start that accepts text/plain', () => {
  it('answers with the bytes of both streams, then the exit code', async () => {
    const argv = ['sh', '-c', 'echo out; echo err >&2; printf "\\200"; exit 3'];
    const connection = await postRaw({ process_id: 'text', argv }, 'text/plain');
    const { status, headers, body, isComplete, trailers } = await connection.response();
    expect({ status, isComplete, trailers }).toEqual({
      status: 201,
      isComplete: true,
      trailers: { 'exit-code': '3' },
    });
    expect(headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      location: '/processes/text',
      trailer: 'Exit-Code, Exit-Signal',
    });
    expect([...body.matchAll(/out\n|err\n|\x80/g)].map(String).sort()).toEqual([
      'err\n',
      'out\n',
      '\x80',
    ]);
    expect(body).toHaveLength(9);
  });

  it('names the signal, as 128 + its number too', async () => {
    const connection = await postRaw({ argv: ['sh', '-c', 'kill -KILL $$'] }, 'text/plain');
    const { isComplete, trailers } = await connection.response();
    expect({ isComplete, trailers }).toEqual({
      isComplete: true,
      trailers: { 'exit-code': '137', 'exit-signal': 'SIGKILL' },
    });
  });

  it('sends what is there at once', async () => {
    const params = { process_id: 'live', argv: ['cat'], pipe_stdin: true };
    const connection = await postRaw(params, 'text/plain');
    await connection.until((text) => text.includes('\r\n\r\n'));
    await client.emit('live', 'first');
    await connection.until((text) => text.includes('first'));
    await client.finish('live');
    expect(await connection.response()).toMatchObject({ body: 'first', isComplete: true });
  });

  it('answers a repeat with 200 and all of it again', async () => {
    const params = { process_id: 'text-again', argv: ['echo', 'hi'] };
    await client.start(params);
    const connection = await postRaw(params, 'text/plain');
    expect(await connection.response()).toMatchObject({
      status: 200,
      headers: { 'idempotent-replayed': 'true' },
      body: 'hi\n',
      isComplete: true,
      trailers: { 'exit-code': '0' },
    });
  });

  it('is what curl prints, with exit code 0', async () => {
    const args = ['-sN', `${service.url}/processes`, '-H', 'accept: text/plain'];
    args.push('-H', 'content-type: application/json', '-d', '{"argv":["echo","hello"]}');
    const printed = await new Promise((resolve) => {
      execFile('curl', args, (error, stdout) => {
        resolve({ code: error?.code ?? 0, stdout });
      });
    });
    expect(printed).toEqual({ code: 0, stdout: 'hello\n' });
  });
});

describe('a start that streams', () => {
  it.each(['text/event-stream', 'text/plain'])(
    'as %s is refused before it streams',
    async (accept) => {
      const refused = await client.post('/processes', { argv: ['no-such'] }, { accept });
      expect(told(refused)).toEqual(refusal(422, 'command_not_found', { errno: 'ENOENT' }));
      const { status } = await client.post('/processes', { argv: [] }, { accept });
      expect(status).toBe(400);
    },
  );

  it.each([
    ['*/*', 'application/json; charset=utf-8'],
    ['application/*', 'application/json; charset=utf-8'],
    ['application/json, text/event-stream;q=0.9', 'application/json; charset=utf-8'],
    ['application/json;q=0.1, text/plain', 'text/plain; charset=utf-8'],
    ['text/event-stream;q=0.2, text/plain;q=0.1', 'text/event-stream; charset=utf-8'],
    ['text/plain;charset=utf-8', 'text/plain; charset=utf-8'],
    ['text/event-stream; charset=utf-8', 'text/event-stream; charset=utf-8'],
  ])('answers Accept: %s as %s', async (accept, type) => {
    const response = await post({ argv: ['true'] }, accept);
    expect([response.status, response.headers.get('content-type')]).toEqual([201, type]);
    await readAll(response);
  });

  it.each([
    'text/html',
    'application/x-ndjson',
    'application/octet-stream',
    'application/json;q=0',
  ])('starts nothing for Accept: %s', async (accept) => {
    const reply = await client.post('/processes', { process_id: 'no', argv: ['true'] }, { accept });
    expect(told(reply)).toEqual(refusal(406, 'not_acceptable'));
    expect((await client.get('/processes/no')).status).toBe(404);
  });

  it('gives everything to a stream and to a later reader alike', async () => {
    const argv = ['sh', '-c', 'seq 1 20000'];
    const { text } = await readAll(await post({ process_id: 'much', argv }, 'text/plain'));
    const stored = await client.get('/processes/much/output?format=text');
    expect(text).toBe(stored.body);
    expect(text.length).toBe(108_894);
    const { state } = (await client.get('/processes/much')).body as Process;
    expect(state).toBe('closed');
  });
});
