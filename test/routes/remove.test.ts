import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startService } from '../support/service.ts';
import { Client } from './client.ts';
import { output, readFrames } from './events.ts';
import { refusal, told } from './problems.ts';

const forced = { exit_code: null, signal: 'SIGKILL', exit_reason: 'terminated' };

describe('removing a process', () => {
  it('that is over answers 204, and again 410', async () => {
    const client = new Client(await startService());
    const params = { process_id: 'p', argv: ['true'] };
    await client.start(params);
    await client.closed('p');
    expect(told(await client.delete('/processes/p'))).toEqual({
      status: 204,
      type: null,
      body: '',
    });
    expect(told(await client.delete('/processes/p'))).toEqual(refusal(410, 'process_expired'));
    expect(told(await client.delete('/processes/p?force=true'))).toEqual(
      refusal(410, 'process_expired'),
    );
    expect((await client.get('/processes')).body).toEqual({ processes: [], next_cursor: null });
    expect(told(await client.post('/processes', params))).toEqual(refusal(410, 'process_expired'));
  });

  it.each(['', '?force=false'])('that runs is refused (%j)', async (query) => {
    const client = new Client(await startService());
    await client.startCat('p');
    const reply = await client.delete(`/processes/p${query}`);
    expect(told(reply)).toEqual(refusal(409, 'process_running'));
    expect(await client.process('p')).toMatchObject({ state: 'running' });
  });

  it('that has exited but is not closed is refused', async () => {
    const client = new Client(await startService());
    await client.start({ process_id: 'p', argv: ['sh', '-c', 'sleep 60 & exit 0'] });
    await eventually(
      () => client.process('p'),
      ({ state }) => state === 'exited',
    );
    expect(told(await client.delete('/processes/p'))).toEqual(refusal(409, 'process_running'));
    expect((await client.delete('/processes/p?force=true')).status).toBe(204);
  });

  it('by force kills the whole tree first', async () => {
    const client = new Client(await startService());
    const script = 'trap "" TERM; sleep 60 & echo $!; wait';
    const { pid } = await client.start({ process_id: 'p', argv: ['sh', '-c', script] });
    const { body } = await client.get('/processes/p/output?wait_ms=20000');
    const { chunks } = body as { chunks: readonly { chunk: string }[] };
    const descendant = Number(chunks[0]?.chunk);
    expect((await client.delete('/processes/p?force=true')).status).toBe(204);
    for (const gone of [pid, descendant]) {
      await eventually(
        () => isAlive(gone),
        (alive) => !alive,
      );
    }
  });

  it.each(['/events?after_seq=0', '/output?format=sse'])(
    'by force gives what was left to the open stream %s',
    async (path) => {
      const client = new Client(await startService());
      await client.startCat('p');
      const stream = await client.open(`/processes/p${path}`);
      await client.emit('p', 'a');
      expect((await client.delete('/processes/p?force=true')).status).toBe(204);
      expect(await readFrames(stream)).toEqual({
        frames: [
          output(1, 'a'),
          { event: 'exited', data: { type: 'exited', seq: 2, ...forced }, id: '2' },
          {
            event: 'closed',
            data: { type: 'closed', seq: 3, ...forced, output_incomplete: false },
            id: '3',
          },
        ],
        end: 'clean',
      });
    },
  );

  it('gives what was left to a reader that is slow', async () => {
    const client = new Client(await startService());
    await client.start({ process_id: 'p', argv: ['head', '-c', '20000000', '/dev/zero'] });
    await client.closed('p');
    const stream = await client.open('/processes/p/output?format=raw&follow=true');
    expect((await client.delete('/processes/p')).status).toBe(204);
    expect((await stream.arrayBuffer()).byteLength).toBe(20_000_000);
  });

  it('refuses a body that is no boolean for force', async () => {
    const client = new Client(await startService());
    const { status } = await client.delete('/processes/p?force=1');
    expect(status).toBe(400);
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
