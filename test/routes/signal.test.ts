import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestService } from '../support/service.ts';
import { openService } from '../support/service.ts';
import { Client } from './client.ts';
import { invalid, refusal, told } from './problems.ts';

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

describe('a signal', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGKILL', 'SIGUSR1'])(
    '%s is sent, and is what ended the process',
    async (signal) => {
      const { process_id, pid } = await client.start({ argv: ['sleep', '60'] });
      const { status, body } = await client.post(`/processes/${process_id}/signal`, { signal });
      expect([status, body]).toMatchObject([200, { process_id, pid }]);
      expect(await client.closed(process_id)).toMatchObject({
        exit_code: null,
        signal,
        exit_reason: 'signaled',
      });
    },
  );

  it('goes to the whole group unless only the process is meant', async () => {
    const child = `sh -c 'trap "echo child; exit" USR1; echo ready; while :; do sleep 0.01; done'`;
    await startScript('group', `${child} & trap "echo leader" USR1; wait; wait`);
    const url = '/processes/group/output?format=text&stream=stdout';
    await client.post('/processes/group/signal', { signal: 'SIGUSR1', scope: 'process' });
    await client.get('/processes/group/wake?after_seq=1&wait_ms=20000');
    expect((await client.get(url)).body).toBe('ready\nleader\n');
    await client.post('/processes/group/signal', { signal: 'SIGUSR1', scope: 'group' });
    await client.closed('group');
    const lines = String((await client.get(url)).body).split('\n');
    expect(lines.sort()).toEqual(['', 'child', 'leader', 'leader', 'ready']);
  });

  it('does nothing to its process when that ignores it', async () => {
    await startScript('ignores', 'trap "" TERM; echo ready; exec sleep 60');
    const { status, body } = await client.post('/processes/ignores/signal', { signal: 'SIGTERM' });
    expect([status, body]).toMatchObject([200, { state: 'running', exit_reason: null }]);
    await client.delete('/processes/ignores?force=true');
  });

  it('to a process that has exited is refused', async () => {
    await client.start({ process_id: 'over', argv: ['true'] });
    await client.closed('over');
    const reply = await client.post('/processes/over/signal', { signal: 'SIGTERM' });
    expect(told(reply)).toEqual(refusal(409, 'process_exited'));
  });

  it('may be a real-time one', async () => {
    await startScript('real-time', 'trap "exit 9" 40; echo ready; while :; do sleep 0.01; done');
    const reply = await client.post('/processes/real-time/signal', { signal: 'SIGRTMIN+6' });
    expect(reply.status).toBe(200);
    expect(await client.closed('real-time')).toMatchObject({ exit_code: 9, exit_reason: 'exited' });
  });

  it.each(['SIGNOPE', 'SIGRTMIN+31', 'TERM', 'sigterm', '15', '0', '', 'SIGTERM '])(
    '%j is no signal',
    async (signal) => {
      const { process_id } = await client.start({ argv: ['sleep', '60'] });
      const reply = await client.post(`/processes/${process_id}/signal`, { signal });
      expect(told(reply)).toEqual(invalid);
      await client.delete(`/processes/${process_id}?force=true`);
    },
  );

  it.each([{ signal: 'SIGTERM', scope: 'tree' }, { scope: 'group' }])(
    '%j is refused',
    async (body) => {
      expect(told(await client.post('/processes/over/signal', body))).toEqual(invalid);
    },
  );
});
