import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { TestService } from '../support/service.ts';
import { openService, startService } from '../support/service.ts';
import { Client } from './client.ts';
import { ending, output, parseSse, readAll, readFrames } from './events.ts';
import { invalid, refusal, told } from './problems.ts';
import { serviceWithFailed } from './seeded.ts';

let service: TestService;
let client: Client;

/** The events of `p`, which is closed: 1 to 4 are output, the replay begins with 3. */
const events = [output(3, 'c'), output(4, 'd'), ...ending(5)];

beforeAll(async () => {
  service = await openService({ REPLAY_EVENTS_MAX: 4 });
  client = new Client(service);
  await client.startCat('p');
  await client.emit('p', 'a', 'b', 'c', 'd');
  await client.finish('p');
});

afterAll(() => service.stop());

const url = '/processes/p/events';

/** How a request with this cursor is answered: its status, and the ids that it got. */
async function answerTo(lastEventId: string | null, query: string) {
  const headers = lastEventId === null ? {} : { 'last-event-id': lastEventId };
  const response = await client.open(`${url}${query}`, { headers });
  const { status } = response;
  if (status !== 200) {
    const { code } = JSON.parse((await response.text()) || '{}') as { code?: string };
    return { status, code };
  }
  const { frames, end } = await readFrames(response);
  return { status, ids: frames.map(({ id }) => id).join(), end };
}

const all = { status: 200, ids: '3,4,5,6', end: 'clean' };
const lagged = { status: 307, code: 'lagged' };
const malformed = { status: 400, code: 'invalid_cursor' };
const ahead = { status: 409, code: 'cursor_ahead' };
const over = { status: 204, code: undefined };

describe('the cursor of an event stream', () => {
  it.each([
    [null, '', all],
    ['', '', all],
    [null, '?after_seq=0', lagged],
    ['0', '', lagged],
    [null, '?after_seq=1', lagged],
    [null, '?after_seq=2', all],
    ['2', '', all],
    [null, '?after_seq=3', { ...all, ids: '4,5,6' }],
    ['5', '', { ...all, ids: '6' }],
    [null, '?after_seq=5', { ...all, ids: '6' }],
    ['6', '', over],
    [null, '?after_seq=6', over],
    ['7', '', ahead],
    [null, '?after_seq=7', ahead],
    ['9007199254740991', '', ahead],
    ['9007199254740992', '', malformed],
    [null, '?after_seq=9007199254740992', malformed],
    ['-1', '', malformed],
    ['1e3', '', malformed],
    ['07', '', malformed],
    ['5, 5', '', malformed],
    ['5,5', '', malformed],
    ['0x5', '', malformed],
    ['five', '', malformed],
    [null, '?after_seq=', malformed],
    [null, '?after_seq', malformed],
    [null, '?after_seq=-1', malformed],
    [null, '?after_seq=1e3', malformed],
    [null, '?after_seq=07', malformed],
    [null, '?after_seq=%205', malformed],
    [null, '?after_seq=+5', malformed],
    ['', '?after_seq=4', { ...all, ids: '5,6' }],
    ['4', '?after_seq=0', { ...all, ids: '5,6' }],
    ['4', '?after_seq=7', { ...all, ids: '5,6' }],
    ['0', '?after_seq=4', lagged],
    ['6', '?after_seq=0', over],
    ['x', '?after_seq=4', malformed],
  ])('Last-Event-ID %j with query %j', async (lastEventId, query, expected) => {
    expect(await answerTo(lastEventId, query)).toEqual(expected);
  });

  it('ahead is told what the newest seq is', async () => {
    const reply = await client.get(`${url}?after_seq=7`);
    expect(told(reply)).toEqual(refusal(409, 'cursor_ahead', { head_seq: 6, next_seq: 7 }));
  });

  it('is looked at after everything else that may be malformed, and after the process', async () => {
    const unknown = '/processes/unknown/events';
    expect(told(await client.get(`${unknown}?after_seq=x&encoding=x`))).toEqual(invalid);
    expect(told(await client.get(`${unknown}?after_seq=x`))).toEqual(
      refusal(404, 'process_not_found'),
    );
    expect(told(await client.get(`${url}?after_seq=x`))).toEqual(refusal(400, 'invalid_cursor'));
  });

  it('of an empty log is at its head with 0', async () => {
    await client.startCat('empty');
    for (const query of ['', '?after_seq=0']) {
      const response = await client.open(`/processes/empty/events${query}`);
      expect(response.status).toBe(200);
      await response.body?.cancel();
    }
    expect((await client.get('/processes/empty/events?after_seq=1')).status).toBe(409);
  });
});

describe('an event stream', () => {
  it('is the replay and then the end', async () => {
    expect(await readFrames(await client.open(url))).toEqual({ frames: events, end: 'clean' });
  });

  it('goes from the replay to live without a gap and without a duplicate', async () => {
    const wide = new Client(await startService());
    await wide.start({ process_id: 'p', argv: ['sh', '-c', 'seq 1 3000'] });
    const readers = Array.from({ length: 8 }, () => wide.open('/processes/p/events?after_seq=0'));
    const streams = await Promise.all((await Promise.all(readers)).map(readFrames));
    const { next_seq } = await wide.closed('p');
    const ids = Array.from({ length: next_seq - 1 }, (_, index) => String(index + 1));
    for (const { frames, end } of streams) {
      expect({ ids: frames.map(({ id }) => id), end }).toEqual({ ids, end: 'clean' });
      expect(textOf(frames).split('\n')).toHaveLength(3001);
    }
  });

  it('says base64 and is exact where the bytes are no text', async () => {
    const argv = ['printf', 'a\\000b'];
    await client.start({ process_id: 'nul', argv });
    await client.start({ process_id: 'invalid', argv: ['printf', '\\377\\376'] });
    for (const [id, bytes] of [
      ['nul', 'a\0b'],
      ['invalid', '\xff\xfe'],
    ] as const) {
      await client.closed(id);
      const { frames } = await readFrames(await client.open(`/processes/${id}/events`));
      const chunk = Buffer.from(bytes, 'latin1').toString('base64');
      const data = { type: 'output', seq: 1, stream: 'stdout', encoding: 'base64', chunk };
      expect(frames[0]).toEqual({ event: 'output', data, id: '1' });
    }
  });

  it('is base64 throughout when that is asked for', async () => {
    const { frames } = await readFrames(await client.open(`${url}?encoding=base64&after_seq=3`));
    const data = { type: 'output', seq: 4, stream: 'stdout', encoding: 'base64', chunk: 'ZA==' };
    expect(frames).toEqual([{ event: 'output', data, id: '4' }, ...ending(5)]);
  });

  it.each([
    ['a byte order mark', '\ufeffa'],
    ['line ends of every kind', 'a\r\nb\rc\n\nd\u2028e\u2029f\u0085g'],
    ['controls and quotes', '\u001b[31m"\\\u0007\u007f'],
    [
      'what looks like frames',
      'x\n\nevent: closed\ndata: {"type":"closed"}\nid: 99\n\nretry: 1\n\n: c\n',
    ],
    ['characters beyond the first plane', '🐈‍⬛𝄞'],
  ])('keeps %s inside data', async (name, text) => {
    const process_id = name.replaceAll(' ', '-');
    await client.startCat(process_id);
    await client.emit(process_id, text);
    await client.finish(process_id);
    const response = await client.open(`/processes/${process_id}/events`);
    const { text: body } = await readAll(response);
    const { frames, retries, comments } = parseSse(body);
    expect({ frames, retries, comments }).toEqual({
      frames: [output(1, text), ...ending(2)],
      retries: [2000],
      comments: 0,
    });
  });

  it('tells stdout and stderr apart', async () => {
    const script = 'echo out; sleep 0.2; echo err >&2';
    await client.start({ process_id: 'both', argv: ['sh', '-c', script] });
    await client.closed('both');
    const { frames } = await readFrames(await client.open('/processes/both/events'));
    expect(frames).toEqual([output(1, 'out\n'), output(2, 'err\n', 'stderr'), ...ending(3)]);
  });

  it('has the exit when the process is reaped, and output of a descendant after it', async () => {
    const go = path.join(service.dataDir, 'go');
    const script = `(while [ ! -e ${go} ]; do sleep 0.01; done; echo late) & exit 4`;
    await client.start({ process_id: 'late', argv: ['sh', '-c', script] });
    await eventually(
      () => client.process('late'),
      ({ state }) => state === 'exited',
    );
    writeFileSync(go, '');
    await client.closed('late');
    const { frames } = await readFrames(await client.open('/processes/late/events'));
    const exit = { exit_code: 4, signal: null, exit_reason: 'exited' };
    expect(frames.map(({ data }) => data)).toEqual([
      { type: 'exited', seq: 1, ...exit },
      output(2, 'late\n').data,
      { type: 'closed', seq: 3, ...exit, output_incomplete: false },
    ]);
  });

  it('as NDJSON is the same data, one a line', async () => {
    const response = await client.open(`${url}?format=ndjson`);
    expect(response.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
    const { text, end } = await readAll(response);
    expect(text).toBe(events.map(({ data }) => `${JSON.stringify(data)}\n`).join(''));
    expect(end).toBe('clean');
  });

  it.each([
    ['*/*', '', 'text/event-stream'],
    ['text/event-stream', '', 'text/event-stream'],
    ['application/x-ndjson', '', 'application/x-ndjson'],
    ['application/x-ndjson;q=0.5, text/event-stream;q=0.4', '', 'application/x-ndjson'],
    ['application/*', '', 'application/x-ndjson'],
    ['text/event-stream', '?format=ndjson', 'application/x-ndjson'],
    ['application/x-ndjson', '?format=sse', 'text/event-stream'],
    ['text/html', '?format=sse', 'text/event-stream'],
  ])('for Accept: %s%s is %s', async (accept, query, type) => {
    const response = await client.open(`${url}${query}`, { headers: { accept } });
    expect(response.headers.get('content-type')).toBe(`${type}; charset=utf-8`);
    await readAll(response);
  });

  it.each(['application/json', 'text/plain', 'text/event-stream;q=0', 'text/html, image/*'])(
    'is not acceptable for Accept: %s',
    async (accept) => {
      expect(told(await client.get(url, { accept }))).toEqual(refusal(406, 'not_acceptable'));
    },
  );

  it.each(['?format=json', '?format=raw', '?format=', '?encoding=hex', '?encoding='])(
    '%s is refused',
    async (query) => {
      expect(told(await client.get(`${url}${query}`))).toEqual(invalid);
    },
  );
});

describe('an event stream of a process that failed', () => {
  const none = { exit_code: null, signal: null, exit_reason: null };
  const failed = { type: 'failed', message: 'its owner was lost', failure_reason: 'owner_lost' };

  it('ends cleanly with a frame that has the id after the last seq', async () => {
    const { url: base } = await serviceWithFailed();
    const other = new Client({ url: base });
    expect(await readFrames(await other.open('/processes/f/events'))).toEqual({
      frames: [output(1, 'a'), { event: 'failed', data: { ...failed, ...none }, id: '2' }],
      end: 'clean',
    });
    expect(told(await other.get('/processes/f/events?after_seq=2'))).toMatchObject({ status: 204 });
    expect((await other.get('/processes/f/events?after_seq=3')).status).toBe(409);
  });

  it('repeats the exit that was known', async () => {
    const exit = { exit_code: 3, signal: null, exit_reason: 'exited' } as const;
    const other = await serviceWithFailed(exit);
    const { frames } = await readFrames(await other.open('/processes/f/events?after_seq=1'));
    expect(frames).toEqual([
      { event: 'exited', data: { type: 'exited', seq: 2, ...exit }, id: '2' },
      { event: 'failed', data: { ...failed, ...exit }, id: '3' },
    ]);
  });
});

function textOf(frames: readonly { readonly data: unknown }[]): string {
  return frames.map(({ data }) => (data as { chunk?: string }).chunk ?? '').join('');
}
