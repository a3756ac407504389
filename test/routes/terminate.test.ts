import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { TestService } from '../support/service.ts';
import { openService } from '../support/service.ts';
import { Client } from './client.ts';
import { invalid, told } from './problems.ts';

let service: TestService;
let client: Client;

beforeAll(async () => {
  service = await openService();
  client = new Client(service);
});

afterAll(() => service.stop());

/** Starts a script and waits until it says that it is ready. */
async function startScript(process_id: string, script: string): Promise<void> {
  await client.start({ process_id, argv: ['sh', '-c', script] });
  await client.get(`/processes/${process_id}/wake?wait_ms=20000`);
}

function terminate(process_id: string, body: object | string = {}) {
  return client.post(`/processes/${process_id}/terminate`, body);
}

const byTerm = { exit_code: null, signal: 'SIGTERM', exit_reason: 'terminated' };
const byKill = { exit_code: null, signal: 'SIGKILL', exit_reason: 'terminated' };

describe('terminate', () => {
  it('with wait_ms answers with the whole process at closed', async () => {
    await client.start({ process_id: 'p', argv: ['sleep', '60'] });
    const { status, body } = await terminate('p', { wait_ms: 20_000 });
    expect(status).toBe(200);
    expect(body).toEqual({ running: true, survivors: [], ...(await client.process('p')) });
    expect(body).toMatchObject({ state: 'closed', ...byTerm });
  });

  it('without a wait answers at once', async () => {
    await client.start({ process_id: 'at-once', argv: ['sleep', '60'] });
    expect((await terminate('at-once')).body).toMatchObject({ running: true, survivors: [] });
    expect(await client.closed('at-once')).toMatchObject(byTerm);
  });

  it('answers at the deadline when the process is not closed by then', async () => {
    await startScript('slow', 'trap "" TERM; echo ready; while :; do sleep 0.01; done');
    const { body } = await terminate('slow', { grace_ms: 2_147_483_647, wait_ms: 30 });
    expect(body).toMatchObject({ running: true, state: 'running', exit_reason: null });
    expect((await terminate('slow', { grace_ms: 0, wait_ms: 20_000 })).body).toMatchObject(byKill);
  });

  it('kills after the grace what does not end', async () => {
    await startScript('deaf', 'trap "" TERM; echo ready; while :; do sleep 0.01; done');
    const { body } = await terminate('deaf', { grace_ms: 30, wait_ms: 20_000 });
    expect(body).toMatchObject({ running: true, survivors: [], state: 'closed', ...byKill });
  });

  it('asks with the signal that was named', async () => {
    await startScript('asked', 'trap "exit 7" INT; echo ready; while :; do sleep 0.01; done');
    const { body } = await terminate('asked', { signal: 'SIGINT', wait_ms: 20_000 });
    expect(body).toMatchObject({ exit_code: 7, signal: null, exit_reason: 'terminated' });
  });

  it('ends what is left of a process that has exited', async () => {
    await startScript('left', 'sleep 60 & echo $!');
    const descendant = Number((await client.get('/processes/left/output?format=text')).body);
    await eventually(
      () => client.process('left'),
      ({ state }) => state === 'exited',
    );
    const { body } = await terminate('left', { wait_ms: 20_000 });
    expect(body).toMatchObject({
      running: false,
      state: 'closed',
      exit_code: 0,
      exit_reason: 'exited',
    });
    await eventually(
      () => isAlive(descendant),
      (alive) => !alive,
    );
  });

  it('may be repeated, and changes nothing that was recorded', async () => {
    await client.start({ process_id: 'twice', argv: ['sleep', '60'] });
    const replies = [
      await terminate('twice', { wait_ms: 20_000 }),
      await terminate('twice', { signal: 'SIGKILL', wait_ms: 20_000 }),
      await terminate('twice'),
    ];
    const seen = replies.map(({ body }) => body as { running: boolean });
    expect(seen.map(({ running }) => running)).toEqual([true, false, false]);
    expect(seen[2]).toEqual({ ...seen[0], running: false });
  });

  it('takes no body, an empty body and {} for the same', async () => {
    for (const [process_id, init] of [
      ['none', {}],
      ['empty', { headers: { 'content-type': 'application/json' } }],
      ['braces', { headers: { 'content-type': 'application/json' }, body: '{}' }],
    ] as const) {
      await client.start({ process_id, argv: ['sleep', '60'] });
      const path = `/processes/${process_id}/terminate`;
      expect((await client.send(path, { method: 'POST', ...init })).status).toBe(200);
      expect(await client.closed(process_id)).toMatchObject(byTerm);
    }
  });

  it.each([
    { signal: 'SIGNOPE' },
    { signal: 'TERM' },
    { signal: null },
    { grace_ms: -1 },
    { grace_ms: 2_147_483_648 },
    { grace_ms: 0.5 },
    { wait_ms: -1 },
    { wait_ms: 2_147_483_648 },
  ])('%j is refused, and the process goes on', async (body) => {
    const { process_id } = await client.start({ argv: ['sleep', '60'] });
    expect(told(await terminate(process_id, body))).toEqual(invalid);
    expect(await client.process(process_id)).toMatchObject({ state: 'running' });
    await client.delete(`/processes/${process_id}?force=true`);
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
