import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestService } from '../support/service.ts';
import { openService, startService } from '../support/service.ts';
import { Client } from './client.ts';
import { invalid, refusal, told } from './problems.ts';

let service: TestService;
let client: Client;

beforeAll(async () => {
  service = await openService();
  client = new Client(service);
  await client.start({ process_id: 't', argv: ['cat'], tty: true });
});

afterAll(() => service.stop());

const size = { rows: 50, cols: 132 };

describe('a resize', () => {
  it('answers with the process in its new size, as lists do', async () => {
    const { status, body } = await client.post('/processes/t/resize', size);
    expect([status, body]).toMatchObject([200, { process_id: 't', tty: true, size }]);
    expect(await client.process('t')).toMatchObject({ size });
    expect((await client.get('/processes')).body).toMatchObject({ processes: [{ size }] });
  });

  it.each([
    {},
    { rows: 24 },
    { rows: 0, cols: 80 },
    { rows: 24, cols: 65_536 },
    { rows: '24', cols: 80 },
    { rows: 24.5, cols: 80 },
    { rows: 24, cols: 80, depth: 1 },
  ])('to %j is refused', async (body) => {
    expect(told(await client.post('/processes/t/resize', body))).toEqual(invalid);
  });

  it('of a process without a terminal is refused', async () => {
    await client.startCat('pipes');
    const reply = await client.post('/processes/pipes/resize', size);
    expect(told(reply)).toEqual(refusal(409, 'not_a_terminal'));
  });

  it('of a process that has exited is refused', async () => {
    await client.start({ process_id: 'over', argv: ['true'], tty: true });
    await client.closed('over');
    const reply = await client.post('/processes/over/resize', size);
    expect(told(reply)).toEqual(refusal(409, 'process_exited'));
  });

  it('of an unknown process is a 404', async () => {
    const reply = await client.post('/processes/none/resize', size);
    expect(told(reply)).toEqual(refusal(404, 'process_not_found'));
  });
});

describe('a start on a terminal', () => {
  it('streams its output at once', async () => {
    const answer = await client.post(
      '/processes',
      { argv: ['sh', '-c', 'echo out; echo err >&2'], tty: true },
      { accept: 'text/plain' },
    );
    expect(answer.body).toBe('out\r\nerr\r\n');
  });

  it('can be read by the name of its stream', async () => {
    expect(await client.outputOf({ argv: ['echo', 'x'], tty: true }, 'pty')).toBe('x\r\n');
    expect(await client.outputOf({ argv: ['echo', 'x'], tty: true }, 'stdout')).toBe('');
  });

  it('is refused by a service that has none', async () => {
    const other = new Client(await startService({ SPAWNER: 'execa' }));
    const reply = await other.post('/processes', { argv: ['true'], tty: true });
    expect(told(reply)).toEqual(refusal(501, 'unsupported', { member: 'tty' }));
  });
});
