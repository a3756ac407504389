import { describe, expect, it } from 'vitest';
import { startService } from '../support/service.ts';
import { Client } from './client.ts';
import { ending, output, readAll, readFrames } from './events.ts';
import { refusal, told } from './problems.ts';

/** A client of a service whose replay holds two events, with a `cat` that wrote four. */
async function behind(settings: object = {}): Promise<Client> {
  const client = new Client(await startService({ REPLAY_EVENTS_MAX: 2, ...settings }));
  await client.startCat('p');
  await client.emit('p', 'a', 'b', 'c', 'd');
  return client;
}

describe('a lagged cursor', () => {
  it('is redirected to the retained output with a short problem', async () => {
    const client = await behind();
    const reply = await client.get('/processes/p/events?after_seq=1');
    expect(told(reply)).toEqual(refusal(307, 'lagged'));
    expect(reply.headers.get('location')).toBe('/processes/p/output?after_seq=1&format=sse');
    expect(reply.headers.get('cache-control')).toBe('no-store');
  });

  it.each([
    ['?after_seq=1', {}, '?after_seq=1&format=sse'],
    ['?encoding=base64&after_seq=1', {}, '?after_seq=1&format=sse&encoding=base64'],
    ['?after_seq=1&format=ndjson', {}, '?after_seq=1&format=ndjson'],
    ['?after_seq=1', { accept: 'application/x-ndjson' }, '?after_seq=1&format=ndjson'],
    ['?after_seq=4', { 'last-event-id': '1' }, '?after_seq=1&format=sse'],
    ['', { 'last-event-id': '0' }, '?after_seq=0&format=sse'],
  ])('of %s %j goes on at …/output%s', async (query, headers, expected) => {
    const client = await behind();
    const reply = await client.get(`/processes/p/events${query}`, headers);
    expect(reply.headers.get('location')).toBe(`/processes/p/output${expected}`);
  });

  it('stays below the path of the public URL, without scheme and host', async () => {
    const client = await behind({ PUBLIC_URL: 'https://example.org/run/' });
    const { headers } = await client.get('/processes/p/events?after_seq=0');
    expect(headers.get('location')).toBe('/run/processes/p/output?after_seq=0&format=sse');
  });

  it('loses nothing for a client that follows the redirect', async () => {
    const client = await behind();
    await client.finish('p');
    const response = await client.open('/processes/p/events?after_seq=0', { redirect: 'follow' });
    expect(await readFrames(response)).toEqual({
      frames: [...['a', 'b', 'c', 'd'].map((text, at) => output(at + 1, text)), ...ending(5)],
      end: 'clean',
    });
  });

  it('that arrives at the retained output is never sent back', async () => {
    const client = await behind();
    const headers = { 'last-event-id': '2' };
    const response = await client.open('/processes/p/output?after_seq=0&format=sse', { headers });
    expect(response.status).toBe(200);
    await client.emit('p', 'e', 'f', 'g', 'h');
    await client.finish('p');
    const { frames, end } = await readFrames(response);
    expect({ ids: frames.map(({ id }) => id).join(), end }).toEqual({
      ids: '3,4,5,6,7,8,9,10',
      end: 'clean',
    });
  });

  it('is counted in the bytes of the replay too', async () => {
    const client = new Client(await startService({ REPLAY_BYTES_MAX: 3 }));
    await client.startCat('p');
    await client.emit('p', 'aa', 'bb', 'cccc');
    const statuses = await Promise.all(
      [0, 1, 2].map(async (after_seq) => {
        const response = await client.open(`/processes/p/events?after_seq=${after_seq}`);
        await response.body?.cancel();
        return response.status;
      }),
    );
    expect(statuses).toEqual([307, 307, 200]);
  });
});

describe('a hole in the retained output', () => {
  it.each([
    ['sse', '?format=sse&after_seq=0'],
    ['ndjson', '?format=ndjson&after_seq=0'],
  ])('is a gap first, as %s', async (format, query) => {
    const client = await behind({ RETAINED_OUTPUT_BYTES_MAX: 2 });
    await client.finish('p');
    const { first_retained_seq } = await client.process('p');
    const response = await client.open(`/processes/p/output${query}`);
    const to_seq = first_retained_seq - 1;
    const gap = { type: 'gap', from_seq: 1, to_seq, bytes: to_seq };
    const frames = [
      { event: 'gap', data: gap, id: String(to_seq) },
      ...['a', 'b', 'c', 'd'].map((text, at) => output(at + 1, text)).slice(to_seq),
      ...ending(5),
    ];
    const { text, end } = await readAll(response);
    const data = text.split('\n').flatMap((line) => /^(?:data: )?(\{.*)/.exec(line)?.[1] ?? []);
    expect({ data: data.map((line) => JSON.parse(line) as unknown), end, format }).toEqual({
      data: frames.map((frame) => frame.data),
      end: 'clean',
      format,
    });
    expect(to_seq).toBe(2);
  });

  it('is crossed by the id of its gap', async () => {
    const client = await behind({ RETAINED_OUTPUT_BYTES_MAX: 2 });
    await client.finish('p');
    const headers = { 'last-event-id': '2', accept: 'text/event-stream' };
    const { frames } = await readFrames(await client.open('/processes/p/output', { headers }));
    expect(frames).toEqual([output(3, 'c'), output(4, 'd'), ...ending(5)]);
  });
});
