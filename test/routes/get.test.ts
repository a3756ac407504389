import { describe, expect, it } from 'vitest';
import { startService } from '../support/service.ts';
import { Client } from './client.ts';
import { anyNumber, anyTime, refusal, told } from './problems.ts';

describe('a process', () => {
  it('is told as a whole once it is closed', async () => {
    const client = new Client(await startService({ REPLICA_ID: 'replica-7' }));
    await client.start({ process_id: 'p', argv: ['sh', '-c', 'printf abc; exit 3'], cwd: '/usr' });
    await client.closed('p');
    const { status, headers, body } = await client.get('/processes/p');
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    expect(body).toEqual({
      process_id: 'p',
      argv: ['sh', '-c', 'printf abc; exit 3'],
      cwd: '/usr',
      tty: false,
      size: null,
      pipe_stdin: false,
      labels: {},
      pid: anyNumber,
      state: 'closed',
      exit_code: 3,
      signal: null,
      exit_reason: 'exited',
      failure: null,
      failure_reason: null,
      started_at: anyTime,
      exited_at: anyTime,
      closed_at: anyTime,
      expires_at: anyTime,
      first_retained_seq: 1,
      next_seq: 4,
      retained_bytes: 3,
      evicted_bytes: 0,
      stdin: 'closed',
      owner: 'replica-7',
      output_incomplete: false,
    });
  });

  it('expires its retention after it was closed', async () => {
    const client = new Client(await startService());
    const params = { process_id: 'p', argv: ['true'], retention_ms: 12_345 };
    await client.start(params);
    const { closed_at, expires_at } = await client.closed('p');
    expect(Date.parse(expires_at ?? '') - Date.parse(closed_at ?? '')).toBe(12_345);
  });

  it('killed by a signal has no exit code', async () => {
    const client = new Client(await startService());
    await client.start({ process_id: 'p', argv: ['sh', '-c', 'kill -SEGV $$'] });
    expect(await client.closed('p')).toMatchObject({
      exit_code: null,
      signal: 'SIGSEGV',
      exit_reason: 'signaled',
    });
  });

  it('counts what was evicted', async () => {
    const client = new Client(await startService({ RETAINED_OUTPUT_BYTES_MAX: 4 }));
    await client.startCat('p');
    await client.emit('p', 'aaaa', 'bbbb', 'cccc');
    const { first_retained_seq, next_seq, retained_bytes, evicted_bytes } =
      await client.process('p');
    expect(retained_bytes + evicted_bytes).toBe(12);
    expect({ first_retained_seq, next_seq, retained_bytes }).toEqual({
      first_retained_seq: 3,
      next_seq: 4,
      retained_bytes: 4,
    });
  });

  it('that was removed is gone, not unknown', async () => {
    const client = new Client(await startService());
    await client.start({ process_id: 'p', argv: ['true'] });
    await client.closed('p');
    await client.delete('/processes/p');
    for (const path of [
      '',
      '/events',
      '/wake',
      '/output',
      '/wake?format=sse',
      '/output?format=raw',
    ]) {
      const reply = await client.get(`/processes/p${path}`);
      expect(told(reply)).toEqual(refusal(410, 'process_expired'));
    }
    for (const [path, body] of [
      ['stdin', { text: 'a' }],
      ['signal', { signal: 'SIGTERM' }],
      ['terminate', {}],
    ] as const) {
      const reply = await client.post(`/processes/p/${path}`, body);
      expect(told(reply)).toEqual(refusal(410, 'process_expired'));
    }
  });
});
