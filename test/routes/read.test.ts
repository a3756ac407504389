import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestService } from '../support/service.ts';
import { openService, startService } from '../support/service.ts';
import { Client } from './client.ts';
import { ending, output, readAll, readFrames } from './events.ts';
import { invalid, refusal, told } from './problems.ts';
import { serviceWithFailed } from './seeded.ts';

let service: TestService;
let client: Client;

beforeAll(async () => {
  service = await openService();
  client = new Client(service);
  await client.startCat('p');
  await client.emit('p', 'a', 'bb', 'ccc');
  await client.finish('p');
});

afterAll(() => service.stop());

const url = '/processes/p/output';

function chunk(seq: number, text: string): object {
  return { seq, stream: 'stdout', encoding: 'utf8', chunk: text };
}

const running = {
  exited: false,
  exit_code: null,
  signal: null,
  exit_reason: null,
  exit_seq: null,
  closed: false,
  closed_seq: null,
  output_incomplete: false,
  failure: null,
  failure_reason: null,
};

/** The page after a cursor of `p`, which is closed. */
function pageOf(chunks: readonly object[], next_seq: number): object {
  return {
    chunks,
    next_seq,
    head_seq: 5,
    first_retained_seq: 1,
    gap: null,
    ...running,
    exited: true,
    exit_code: 0,
    exit_reason: 'exited',
    exit_seq: 4,
    closed: true,
    closed_seq: 5,
  };
}

describe('a page of output', () => {
  it.each([
    ['', pageOf([chunk(1, 'a'), chunk(2, 'bb'), chunk(3, 'ccc')], 6)],
    ['?after_seq=0', pageOf([chunk(1, 'a'), chunk(2, 'bb'), chunk(3, 'ccc')], 6)],
    ['?after_seq=2', pageOf([chunk(3, 'ccc')], 6)],
    ['?after_seq=3', pageOf([], 6)],
    ['?after_seq=4', pageOf([], 6)],
    ['?after_seq=5', pageOf([], 6)],
    ['?after_seq=5&wait_ms=60000', pageOf([], 6)],
    ['?max_bytes=0', pageOf([chunk(1, 'a')], 2)],
    ['?max_bytes=1', pageOf([chunk(1, 'a')], 2)],
    ['?max_bytes=2', pageOf([chunk(1, 'a')], 2)],
    ['?max_bytes=3', pageOf([chunk(1, 'a'), chunk(2, 'bb')], 3)],
    ['?max_bytes=1&after_seq=2', pageOf([chunk(3, 'ccc')], 4)],
    ['?max_bytes=8388608', pageOf([chunk(1, 'a'), chunk(2, 'bb'), chunk(3, 'ccc')], 6)],
  ])('%s is the whole answer', async (query, body) => {
    const reply = await client.get(`${url}${query}`);
    expect(told(reply)).toEqual({ status: 200, type: 'application/json; charset=utf-8', body });
  });

  it.each([0, 1, 2, 3, 100])('leads a pager of %i bytes to every event once', async (max_bytes) => {
    const seqs: number[] = [];
    let page = { chunks: [] as { seq: number }[], next_seq: 1, closed: false, closed_seq: 0 };
    for (let pages = 0; !(page.closed && page.next_seq > page.closed_seq); pages += 1) {
      const { body } = await client.get(
        `${url}?max_bytes=${max_bytes}&after_seq=${page.next_seq - 1}`,
      );
      page = body as typeof page;
      seqs.push(...page.chunks.map(({ seq }) => seq));
      expect(pages).toBeLessThan(10);
    }
    expect(seqs).toEqual([1, 2, 3]);
  });

  it('is base64 when that is asked for', async () => {
    const { body } = await client.get(`${url}?encoding=base64&max_bytes=1`);
    const bytes = { seq: 1, stream: 'stdout', encoding: 'base64', chunk: 'YQ==' };
    expect(body).toEqual(pageOf([bytes], 2));
  });

  it('waits for the first new event and answers at once with it', async () => {
    await client.startCat('wait');
    const waiting = client.get('/processes/wait/output?wait_ms=60000');
    await client.emit('wait', 'x');
    expect((await waiting).body).toEqual({
      chunks: [chunk(1, 'x')],
      next_seq: 2,
      head_seq: 1,
      first_retained_seq: 1,
      gap: null,
      ...running,
    });
    const atExit = client.get('/processes/wait/output?after_seq=1&wait_ms=60000');
    await client.finish('wait');
    expect((await atExit).body).toMatchObject({ chunks: [], exited: true });
  });

  it('answers at the deadline with the same cursor', async () => {
    await client.startCat('idle');
    expect((await client.get('/processes/idle/output?wait_ms=20')).body).toEqual({
      chunks: [],
      next_seq: 1,
      head_seq: 0,
      first_retained_seq: 1,
      gap: null,
      ...running,
    });
  });

  it('names the gap and what it held', async () => {
    const small = new Client(await startService({ RETAINED_OUTPUT_BYTES_MAX: 3 }));
    await small.startCat('p');
    await small.emit('p', 'a', 'bb', 'ccc');
    expect((await small.get(url)).body).toEqual({
      chunks: [chunk(3, 'ccc')],
      next_seq: 4,
      head_seq: 3,
      first_retained_seq: 3,
      gap: { from_seq: 1, to_seq: 2, bytes: 3 },
      ...running,
    });
    expect((await small.get(`${url}?after_seq=1`)).body).toMatchObject({
      gap: { from_seq: 2, to_seq: 2, bytes: 2 },
    });
    expect((await small.get(`${url}?after_seq=2`)).body).toMatchObject({ gap: null });
  });

  it('of a failed process says why, and ends a pager', async () => {
    const other = await serviceWithFailed();
    const failure = { failure: 'its owner was lost', failure_reason: 'owner_lost' };
    const rest = { head_seq: 1, first_retained_seq: 1, gap: null, ...running, ...failure };
    for (const [query, chunks, next_seq] of [
      ['', [chunk(1, 'a')], 2],
      ['?after_seq=1&wait_ms=60000', [], 2],
    ] as const) {
      const { body } = await other.get(`/processes/f/output${query}`);
      expect(body).toEqual({ chunks, next_seq, ...rest });
    }
    expect((await other.get('/processes/f/output?after_seq=2')).status).toBe(200);
    expect((await other.get('/processes/f/output?after_seq=3')).status).toBe(409);
  });

  it.each([
    ['?after_seq=6', refusal(409, 'cursor_ahead', { head_seq: 5, next_seq: 6 })],
    ['?after_seq=6&format=sse', refusal(409, 'cursor_ahead', { head_seq: 5, next_seq: 6 })],
    ['?after_seq=6&format=raw', refusal(409, 'cursor_ahead', { head_seq: 5, next_seq: 6 })],
    ['?after_seq=07', refusal(400, 'invalid_cursor')],
    ['?after_seq=', refusal(400, 'invalid_cursor')],
    ['?after_seq=1e3&format=ndjson', refusal(400, 'invalid_cursor')],
    ['?after_seq=x&format=text', refusal(400, 'invalid_cursor')],
    ['?max_bytes=8388609', invalid],
    ['?wait_ms=60001', invalid],
    ['?format=html', invalid],
    ['?stream=stdin', invalid],
    ['?encoding=hex', invalid],
  ])('%s is refused', async (query, expected) => {
    expect(told(await client.get(`${url}${query}`))).toEqual(expected);
  });

  it('looks at the cursor after the process, and at the rest before it', async () => {
    const unknown = '/processes/unknown/output';
    expect(told(await client.get(`${unknown}?after_seq=x&max_bytes=x`))).toEqual(invalid);
    expect(told(await client.get(`${unknown}?after_seq=x`))).toEqual(
      refusal(404, 'process_not_found'),
    );
  });
});

describe('the representation of output', () => {
  const json = 'application/json; charset=utf-8';
  const sse = 'text/event-stream; charset=utf-8';
  const ndjson = 'application/x-ndjson; charset=utf-8';
  const text = 'text/plain; charset=utf-8';
  const raw = 'application/octet-stream';

  it.each([
    ['*/*', '', json],
    ['application/json', '', json],
    ['text/event-stream', '', sse],
    ['application/x-ndjson', '', ndjson],
    ['text/plain', '', text],
    ['application/octet-stream', '', raw],
    ['text/plain;q=0.5, application/json;q=0.4', '', text],
    ['text/plain;q=0.4, application/json;q=0.5', '', json],
    ['application/octet-stream;q=0.9, */*;q=0.1', '', raw],
    ['application/json;q=0, */*', '', sse],
    ['text/html, application/x-ndjson;q=0.001', '', ndjson],
    ['APPLICATION/JSON', '', json],
    ['application/json; charset=UTF-8', '', json],
    ['text/event-stream', '?format=json', json],
    ['application/json', '?format=sse', sse],
    ['application/json', '?format=ndjson', ndjson],
    ['application/json', '?format=text', text],
    ['text/html', '?format=raw', raw],
  ])('for Accept: %s%s is %s', async (accept, query, type) => {
    const response = await client.open(`${url}${query}`, { headers: { accept } });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, type]);
    await readAll(response);
  });

  it.each(['text/html', 'application/json;q=0', '*/*;q=0', 'application/xml, image/*'])(
    'is not acceptable for Accept: %s',
    async (accept) => {
      expect(told(await client.get(url, { accept }))).toEqual(refusal(406, 'not_acceptable'));
    },
  );

  it.each([
    ['*/*', '4', sse],
    ['application/json', '4', json],
    ['*/*', '', sse],
  ])('with a Last-Event-ID for Accept: %s (%j) is %s', async (accept, lastEventId, type) => {
    const headers = { accept, 'last-event-id': lastEventId };
    const response = await client.open(url, { headers });
    expect(response.headers.get('content-type')).toBe(type);
    await readAll(response);
  });
});

describe('retained output as a stream', () => {
  const frames = [output(1, 'a'), output(2, 'bb'), output(3, 'ccc'), ...ending(4)];

  it.each([
    [null, '', frames],
    [null, '&after_seq=0', frames],
    [null, '&after_seq=2', frames.slice(2)],
    ['2', '', frames.slice(2)],
    ['2', '&after_seq=4', frames.slice(2)],
    ['', '&after_seq=4', frames.slice(4)],
  ])('with Last-Event-ID %j and %j goes on after the cursor', async (lastEventId, query, rest) => {
    const headers = lastEventId === null ? {} : { 'last-event-id': lastEventId };
    const response = await client.open(`${url}?format=sse${query}`, { headers });
    expect(await readFrames(response)).toEqual({ frames: rest, end: 'clean' });
  });

  it('with a Last-Event-ID beats the cursor of a redirect that it stayed on', async () => {
    const headers = { accept: '*/*', 'last-event-id': '4' };
    const response = await client.open(`${url}?after_seq=1`, { headers });
    expect((await readFrames(response)).frames).toEqual(frames.slice(4));
  });

  it.each(['sse', 'ndjson'])('is over at its end, as %s', async (format) => {
    expect((await client.get(`${url}?format=${format}&after_seq=5`)).status).toBe(204);
  });

  it('goes live on the same response', async () => {
    await client.startCat('live');
    await client.emit('live', 'a');
    const response = await client.open('/processes/live/output?format=sse&after_seq=0');
    await client.emit('live', 'b');
    await client.finish('live');
    expect(await readFrames(response)).toEqual({
      frames: [output(1, 'a'), output(2, 'b'), ...ending(3)],
      end: 'clean',
    });
  });

  it('as NDJSON is the same data, one a line', async () => {
    const { text } = await readAll(await client.open(`${url}?format=ndjson`));
    expect(text).toBe(frames.map(({ data }) => `${JSON.stringify(data)}\n`).join(''));
  });
});
