import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { TestService } from '../support/service.ts';
import { openService, startService } from '../support/service.ts';
import { Client } from './client.ts';
import { readAll, readFrames } from './events.ts';
import { invalid, refusal, told } from './problems.ts';
import { RawConnection, parseResponse } from './raw-connection.ts';
import { serviceWithFailed } from './seeded.ts';

let service: TestService;
let client: Client;

beforeAll(async () => {
  service = await openService();
  client = new Client(service);
  await client.start({ process_id: 'p', argv: ['echo', 'hi'] });
  await client.closed('p');
});

afterAll(() => service.stop());

function wake(seq: number): object {
  return { event: 'wake', data: { type: 'wake', seq }, id: String(seq) };
}

function page(next_seq: number, closed: boolean, failed = false): object {
  return {
    status: 200,
    type: 'application/json; charset=utf-8',
    body: { next_seq, closed, failed },
  };
}

describe('a wake as JSON', () => {
  it.each(['', '?after_seq=0', '?after_seq=1', '?after_seq=3', '?after_seq=3&wait_ms=60000'])(
    'of a closed process answers at once: %j',
    async (query) => {
      expect(told(await client.get(`/processes/p/wake${query}`))).toEqual(page(4, true));
    },
  );

  it('answers at the deadline when nothing comes', async () => {
    await client.startCat('idle');
    expect(told(await client.get('/processes/idle/wake?wait_ms=30'))).toEqual(page(1, false));
    expect(told(await client.get('/processes/idle/wake'))).toEqual(page(1, false));
  });

  it('answers as soon as the log is past the cursor', async () => {
    await client.startCat('busy');
    const waiting = client.get('/processes/busy/wake?after_seq=0&wait_ms=60000');
    await client.emit('busy', 'a');
    expect(told(await waiting)).toEqual(page(2, false));
    expect(told(await client.get('/processes/busy/wake?wait_ms=60000'))).toEqual(page(2, false));
  });

  it('answers every one that waits', async () => {
    await client.startCat('crowd');
    const path = '/processes/crowd/wake?after_seq=0&wait_ms=60000';
    const waiting = Array.from({ length: 30 }, () => client.get(path));
    await client.emit('crowd', 'a');
    const replies = await Promise.all(waiting);
    expect(new Set(replies.map((reply) => JSON.stringify(told(reply))))).toEqual(
      new Set([JSON.stringify(page(2, false))]),
    );
  });

  it('has no use for a Last-Event-ID', async () => {
    const headers = { 'last-event-id': 'x', accept: 'application/json' };
    expect(told(await client.get('/processes/p/wake', headers))).toEqual(page(4, true));
  });

  it.each([
    ['?after_seq=4', refusal(409, 'cursor_ahead', { head_seq: 3, next_seq: 4 })],
    ['?after_seq=4&format=sse', refusal(409, 'cursor_ahead', { head_seq: 3, next_seq: 4 })],
    ['?after_seq=x', refusal(400, 'invalid_cursor')],
    ['?after_seq=', refusal(400, 'invalid_cursor')],
    ['?after_seq=9007199254740992', refusal(400, 'invalid_cursor')],
    ['?wait_ms=60001', invalid],
    ['?format=ndjson', invalid],
    ['?encoding=utf8', invalid],
  ])('%s is refused', async (query, expected) => {
    expect(told(await client.get(`/processes/p/wake${query}`))).toEqual(expected);
  });

  it('of a failed process answers at once', async () => {
    const other = await serviceWithFailed();
    const path = '/processes/f/wake?after_seq=1&wait_ms=60000';
    expect(told(await other.get(path))).toEqual(page(2, false, true));
    expect(told(await other.get('/processes/f/wake?after_seq=2'))).toEqual(page(2, false, true));
    expect((await other.get('/processes/f/wake?after_seq=3')).status).toBe(409);
  });
});

describe('a wake as a stream', () => {
  it('of an empty log begins with 0, then has each change, and ends cleanly', async () => {
    await client.startCat('w');
    const connection = await RawConnection.open(service);
    connection.request('GET /processes/w/wake HTTP/1.1', 'accept: text/event-stream');
    await connection.until((text) => text.includes('id: 0\n\n'));
    await client.emit('w', 'a');
    await connection.until((text) => text.includes('id: 1\n\n'));
    await client.finish('w');
    const { status, headers, body, isComplete } = await connection.response();
    expect({ status, isComplete, type: headers['content-type'] }).toEqual({
      status: 200,
      isComplete: true,
      type: 'text/event-stream; charset=utf-8',
    });
    expect(body).toMatch(
      /^retry: 2000\n\nevent: wake\ndata: \{"type":"wake","seq":0\}\nid: 0\n\nevent: wake\ndata: \{"type":"wake","seq":1\}\nid: 1\n\n/,
    );
    expect(body.endsWith('event: wake\ndata: {"type":"wake","seq":3}\nid: 3\n\n')).toBe(true);
  });

  it.each([
    ['', null],
    ['', '2'],
    ['?after_seq=2', null],
    ['?after_seq=3', '0'],
  ])('of a closed process is its last seq and a clean end: %s %j', async (query, lastEventId) => {
    const headers = { accept: 'text/event-stream', ...id(lastEventId) };
    const response = await client.open(`/processes/p/wake${query}`, { headers });
    expect(await readFrames(response)).toEqual({ frames: [wake(3)], end: 'clean' });
  });

  it.each([
    ['?after_seq=3', null],
    ['', '3'],
    ['?after_seq=0', '3'],
  ])('is over for a cursor at the end: %s %j', async (query, lastEventId) => {
    const headers = { accept: 'text/event-stream', ...id(lastEventId) };
    expect((await client.get(`/processes/p/wake${query}`, headers)).status).toBe(204);
  });

  it('shows a reader that is slow the newest only', async () => {
    await client.start({ process_id: 'many', argv: ['sh', '-c', 'seq 1 50000'] });
    const connection = await RawConnection.open(service);
    connection.socket.pause();
    connection.request('GET /processes/many/wake?format=sse HTTP/1.1');
    const { next_seq } = await client.closed('many');
    connection.socket.resume();
    const { body, isComplete } = await connection.response();
    const seqs = [...body.matchAll(/^id: (\d+)$/gm)].map(([, seq]) => Number(seq));
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
    expect({ last: seqs.at(-1), isComplete }).toEqual({ last: next_seq - 1, isComplete: true });
  });

  it('says something in silence', async () => {
    const quick = await startService({ HEARTBEAT_MS: 10 });
    await new Client(quick).startCat('p');
    const connection = await RawConnection.open(quick);
    connection.request('GET /processes/p/wake?format=sse HTTP/1.1');
    const text = await connection.until((all) => all.split('\n:\n').length > 3);
    expect(parseResponse(text).body).toMatch(/id: 0\n\n(:\n\n){2}/);
  });

  it('of a failed process has the seq after the last, once', async () => {
    const other = await serviceWithFailed();
    const response = await other.open('/processes/f/wake?format=sse');
    expect(await readFrames(response)).toEqual({ frames: [wake(2)], end: 'clean' });
    expect((await other.get('/processes/f/wake?format=sse&after_seq=2')).status).toBe(204);
  });

  it.each([
    ['*/*', '', 'application/json'],
    ['text/event-stream', '', 'text/event-stream'],
    ['text/event-stream', '?format=json', 'application/json'],
    ['application/json', '?format=sse', 'text/event-stream'],
    ['text/*', '', 'text/event-stream'],
    ['application/json;q=0.1, text/event-stream;q=0.2', '', 'text/event-stream'],
  ])('answers Accept: %s%s as %s', async (accept, query, type) => {
    const response = await client.open(`/processes/p/wake${query}`, { headers: { accept } });
    expect(response.headers.get('content-type')).toBe(`${type}; charset=utf-8`);
    await readAll(response);
  });

  it('is not acceptable as anything else', async () => {
    const reply = await client.get('/processes/p/wake', { accept: 'application/x-ndjson' });
    expect(told(reply)).toEqual(refusal(406, 'not_acceptable'));
  });

  it('holds nothing when its reader is gone', async () => {
    await client.startCat('gone');
    const connection = await RawConnection.open(service);
    connection.request('GET /processes/gone/wake?format=sse HTTP/1.1');
    await connection.until((text) => text.includes('id: 0'));
    connection.socket.destroy();
    await client.emit('gone', 'a');
    expect(
      await eventually(
        () => client.process('gone'),
        ({ next_seq }) => next_seq === 2,
      ),
    ).toMatchObject({
      state: 'running',
    });
  });
});

function id(lastEventId: string | null): Record<string, string> {
  return lastEventId === null ? {} : { 'last-event-id': lastEventId };
}
