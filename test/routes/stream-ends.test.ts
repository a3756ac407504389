import { execFile } from 'node:child_process';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { createService } from '../../src/service.ts';
import { eventually } from '../support/eventually.ts';
import type { TestService } from '../support/service.ts';
import { openService, startService } from '../support/service.ts';
import { Client } from './client.ts';
import { parseSse } from './events.ts';
import { RawConnection, parseResponse } from './raw-connection.ts';
import { temporaryDirectory } from './subprocess.ts';

let service: TestService;
let client: Client;

beforeAll(async () => {
  service = await openService();
  client = new Client(service);
  await client.startCat('p');
  await client.emit('p', 'hi\n');
  await client.finish('p');
});

afterAll(() => service.stop());

const frames = [
  'event: output\ndata: {"type":"output","seq":1,"stream":"stdout","encoding":"utf8","chunk":"hi\\n"}\nid: 1\n\n',
  'event: exited\ndata: {"type":"exited","seq":2,"exit_code":0,"signal":null,"exit_reason":"exited"}\nid: 2\n\n',
  'event: closed\ndata: {"type":"closed","seq":3,"exit_code":0,"signal":null,"exit_reason":"exited","output_incomplete":false}\nid: 3\n\n',
];

/** Every stream of a process. */
const streams = [
  '/processes/p/events?after_seq=0',
  '/processes/p/events?format=ndjson',
  '/processes/p/wake?format=sse',
  '/processes/p/output?format=sse',
  '/processes/p/output?format=ndjson',
  '/processes/p/output?format=text&follow=true',
  '/processes/p/output?format=raw&follow=true',
];

async function get(path: string, from: { readonly url: string } = service): Promise<RawConnection> {
  const connection = await RawConnection.open(from);
  return connection.request(`GET ${path} HTTP/1.1`);
}

describe('a clean end', () => {
  it('is the last chunk, after closed, and leaves the connection open', async () => {
    const connection = await get('/processes/p/events');
    const text = await connection.until((all) => all.endsWith('0\r\n\r\n'));
    expect(parseResponse(text)).toEqual({
      status: 200,
      headers: {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store, no-transform',
        'x-accel-buffering': 'no',
        'x-content-type-options': 'nosniff',
        vary: 'Accept, Origin',
        date: expect.any(String) as unknown,
        connection: 'keep-alive',
        'keep-alive': expect.any(String) as unknown,
        'transfer-encoding': 'chunked',
      },
      body: `retry: 2000\n\n${frames.join('')}`,
      isComplete: true,
      trailers: {},
    });
    connection.request('GET /livez HTTP/1.1');
    await connection.until((all) => all.endsWith('{"status":"ok"}'));
  });

  it.each(streams)('comes to %s only after the end of the log', async (stream) => {
    const own = await startService();
    const cat = new Client(own);
    await cat.startCat('p');
    const connection = await get(stream, own);
    await connection.until((text) => text.includes('\r\n\r\n'));
    await cat.emit('p', 'a', 'b');
    expect(parseResponse(connection.text).isComplete).toBe(false);
    await cat.finish('p');
    expect((await connection.response()).isComplete).toBe(true);
  });

  it('is exit code 0 for curl, and an abrupt end is 18', async () => {
    expect(await curl(`${service.url}/processes/p/events`)).toEqual({
      code: 0,
      text: `retry: 2000\n\n${frames.join('')}`,
    });
    const own = await startService();
    const cat = new Client(own);
    await cat.startCat('p');
    const printed = curl(`${own.url}/processes/p/events`);
    await eventually(
      () => cat.metric('procession_readers'),
      (readers) => readers === 1,
    );
    await cat.emit('p', 'a');
    await own.stop();
    const { code, text } = await printed;
    expect([code, parseSse(text).frames.map(({ event }) => event)]).toEqual([
      18,
      ['output', 'draining'],
    ]);
  });
});

describe('an abrupt end', () => {
  it.each(streams)('of %s comes when the service shuts down', async (stream) => {
    const own = await startService();
    const cat = new Client(own);
    await cat.startCat('p');
    await cat.emit('p', 'a');
    const connection = await get(stream, own);
    await connection.until((text) => text.includes('\r\n\r\n'));
    await connection.until((text) => /a|"seq":1/.test(parseResponse(text).body));
    await own.stop();
    expect(await connection.ended()).toBe('fin');
    const { body, isComplete } = parseResponse(connection.text);
    expect(isComplete).toBe(false);
    const isSse = !stream.includes('ndjson') && !stream.includes('follow');
    if (isSse)
      expect(body).toMatch(/\n\nretry: \d+\n\nevent: draining\ndata: \{"type":"draining"\}\n\n$/);
    if (stream.includes('ndjson')) expect(body.endsWith('\n{"type":"draining"}\n')).toBe(true);
    for (const retry of parseSse(body).retries.slice(1)) {
      expect(retry).toBeGreaterThanOrEqual(500);
      expect(retry).toBeLessThanOrEqual(5000);
    }
  });

  it('comes after lagged, which says where to go on without a loss', async () => {
    const own = await startService({ REPLAY_BYTES_MAX: 100_000 });
    const other = new Client(own);
    const argv = ['sh', '-c', 'read go; exec head -c 12000000 /dev/zero'];
    await other.start({ process_id: 'p', argv, pipe_stdin: true });
    const connection = await RawConnection.open(own);
    connection.socket.pause();
    connection.request('GET /processes/p/events?after_seq=0 HTTP/1.1');
    await eventually(
      () => other.metric('procession_readers'),
      (readers) => readers === 1,
    );
    await other.post('/processes/p/stdin', { text: 'go\n' });
    await other.closed('p');
    connection.socket.resume();
    expect(await connection.ended()).toBe('fin');
    const { body, isComplete } = parseResponse(connection.text);
    const seen = parseSse(body).frames;
    const last = seen.at(-1);
    const sent = Number(seen.at(-2)?.id);
    const output_url = `/processes/p/output?after_seq=${sent}`;
    expect({ isComplete, last }).toEqual({
      isComplete: false,
      last: { event: 'lagged', data: { type: 'lagged', after_seq: sent, output_url }, id: null },
    });
    expect(seen.slice(0, -1).map(({ id }) => Number(id))).toEqual(numbers(1, sent));
    const rest = await (await other.open(`${output_url}&format=sse`)).text();
    const { next_seq } = await other.process('p');
    expect(parseSse(rest).frames.map(({ id }) => Number(id))).toEqual(
      numbers(sent + 1, next_seq - 1),
    );
    expect(await other.metric('procession_lagged_total')).toBe(1);
  });
});

describe('a stream', () => {
  it('says retry at once, before there is any event', async () => {
    await client.startCat('silent');
    for (const path of ['events', 'output?format=sse']) {
      const connection = await get(`/processes/silent/${path}`);
      await connection.until((text) => text.includes('\r\n\r\n'));
      await connection.until((text) => parseResponse(text).body === 'retry: 2000\n\n');
    }
    const connection = await get('/processes/silent/output?format=ndjson');
    await connection.until((text) => text.endsWith('\r\n\r\n'));
    expect(parseResponse(connection.text).body).toBe('');
  });

  it.each([
    ['/processes/p/events', ':\n\n'],
    ['/processes/p/output?format=sse', ':\n\n'],
    ['/processes/p/events?format=ndjson', '\n'],
  ])('%s says something in silence that is no event', async (stream, beat) => {
    const own = await startService({ HEARTBEAT_MS: 10 });
    const cat = new Client(own);
    await cat.startCat('p');
    const connection = await get(stream, own);
    await connection.until((text) => parseResponse(text).body.endsWith(beat.repeat(3)));
    await cat.emit('p', 'a');
    await cat.finish('p');
    const { body, isComplete } = await connection.response();
    expect(isComplete).toBe(true);
    const lines = body.split('\n').filter((line) => /^(data: )?\{/.test(line));
    expect(lines).toHaveLength(3);
  });

  it('holds its frames as event, one line of data, then id', async () => {
    const connection = await get('/processes/p/output?format=sse');
    expect((await connection.response()).body).toBe(`retry: 2000\n\n${frames.join('')}`);
  });

  it('leaves every write at once: the server has Nagle’s algorithm off', async () => {
    const config = loadConfig({ PROCESSION_DATA_DIR: temporaryDirectory() });
    const created = await createService(config, {}, pino({ level: 'silent' }));
    expect(created.app.server).toHaveProperty('noDelay', true);
    await created.stop();
  });

  it('costs no listener for each time that its reader is slow', async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): unknown => warnings.push(message);
    process.on('warning', onWarning);
    await client.start({ process_id: 'big', argv: ['head', '-c', '30000000', '/dev/zero'] });
    await client.closed('big');
    const response = await client.open('/processes/big/output?format=raw');
    let bytes = 0;
    for await (const piece of response.body ?? []) bytes += (piece as Uint8Array).length;
    process.off('warning', onWarning);
    expect({ bytes, warnings }).toEqual({ bytes: 30_000_000, warnings: [] });
  });
});

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

function curl(url: string): Promise<{ code: unknown; text: string }> {
  return new Promise((resolve) => {
    execFile('curl', ['-sN', url], (error, text) => {
      resolve({ code: error?.code ?? 0, text });
    });
  });
}
