import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestService } from '../support/service.ts';
import { openService, startService } from '../support/service.ts';
import { Client } from './client.ts';
import { RawConnection } from './raw-connection.ts';
import { serviceWithFailed } from './seeded.ts';

let service: TestService;
let client: Client;

beforeAll(async () => {
  service = await openService();
  client = new Client(service);
  const script = 'printf out; sleep 0.2; printf "\\377\\000" >&2; sleep 0.2; printf more';
  await client.start({ process_id: 'p', argv: ['sh', '-c', script] });
  await client.closed('p');
});

afterAll(() => service.stop());

async function raw(query: string, from: { readonly url: string } = service, id = 'p') {
  const connection = await RawConnection.open(from);
  connection.request(`GET /processes/${id}/output?format=raw${query} HTTP/1.1`);
  const { status, headers, body, isComplete, trailers } = await connection.response();
  const { 'first-seq': first, 'next-seq': next, 'gap-bytes': gap } = headers;
  return { status, body, isComplete, trailers, first, next, gap };
}

const whole = { status: 200, isComplete: true, trailers: {}, gap: '0' };

describe('bare bytes', () => {
  it.each([
    ['', { body: 'out\xff\0more', first: '1', next: '6' }],
    ['&stream=stdout', { body: 'outmore', first: '1', next: '6' }],
    ['&stream=stderr', { body: '\xff\0', first: '1', next: '6' }],
    ['&stream=pty', { body: '', first: '1', next: '6' }],
    ['&after_seq=1', { body: '\xff\0more', first: '2', next: '6' }],
    ['&after_seq=3', { body: '', first: '4', next: '6' }],
    ['&after_seq=5', { body: '', first: '6', next: '6' }],
  ])('%s go up to the head', async (query, expected) => {
    expect(await raw(query)).toEqual({ ...whole, ...expected });
  });

  it.each([
    ['&follow=true', { body: 'out\xff\0more', first: '1' }],
    ['&follow=true&after_seq=1&stream=stdout', { body: 'more', first: '2' }],
    ['&follow=true&after_seq=5', { body: '', first: '6' }],
  ])('%s go to the end, with Next-Seq as a trailer', async (query, expected) => {
    const trailers = { 'next-seq': '6' };
    expect(await raw(query)).toEqual({ ...whole, ...expected, next: undefined, trailers });
  });

  it('end at the head while the process runs', async () => {
    await client.startCat('running');
    expect(await raw('', service, 'running')).toEqual({
      ...whole,
      body: '',
      first: '1',
      next: '1',
    });
    await client.emit('running', 'a', 'b');
    expect(await raw('', service, 'running')).toEqual({
      ...whole,
      body: 'ab',
      first: '1',
      next: '3',
    });
  });

  it('with follow come as they are written', async () => {
    await client.startCat('live');
    await client.emit('live', 'a');
    const connection = await RawConnection.open(service);
    connection.request('GET /processes/live/output?format=text&follow=true HTTP/1.1');
    await connection.until((text) => text.endsWith('a\r\n'));
    await client.emit('live', 'b');
    await connection.until((text) => text.endsWith('b\r\n'));
    await client.finish('live');
    expect(await connection.response()).toMatchObject({
      headers: { 'content-type': 'text/plain; charset=utf-8', trailer: 'Next-Seq' },
      body: 'ab',
      isComplete: true,
      trailers: { 'next-seq': '5' },
    });
  });

  it('say how many bytes are missing before them', async () => {
    const small = await startService({ RETAINED_OUTPUT_BYTES_MAX: 3 });
    const other = new Client(small);
    await other.startCat('p');
    await other.emit('p', 'a', 'bb', 'ccc');
    expect(await raw('', small)).toEqual({
      ...whole,
      body: 'ccc',
      first: '3',
      next: '4',
      gap: '3',
    });
    expect(await raw('&after_seq=1', small)).toMatchObject({ body: 'ccc', first: '3', gap: '2' });
  });

  it('are everything that was written, whatever it is', async () => {
    const argv = ['sh', '-c', 'seq 1 200000; head -c 300000 /dev/zero'];
    await client.start({ process_id: 'much', argv });
    const following = raw('&follow=true', service, 'much');
    await client.closed('much');
    const numbers = Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join('');
    const { body, isComplete } = await following;
    expect(body === numbers + '\0'.repeat(300_000)).toBe(true);
    expect(isComplete).toBe(true);
    expect((await raw('', service, 'much')).body === body).toBe(true);
  });

  it('of a failed process end cleanly at the head, and with follow abruptly', async () => {
    const { url } = await serviceWithFailed();
    expect(await raw('', { url }, 'f')).toEqual({ ...whole, body: 'a', first: '1', next: '2' });
    expect(await raw('&follow=true', { url }, 'f')).toMatchObject({ body: 'a', isComplete: false });
    for (const after_seq of [1, 2]) {
      expect(await raw(`&follow=true&after_seq=${after_seq}`, { url }, 'f')).toMatchObject({
        body: '',
        isComplete: false,
      });
    }
  });
});
