import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { Budget } from '../support/cutting-proxy.ts';
import { openProxy } from '../support/cutting-proxy.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { startService } from '../support/service.ts';
import {
  allOf,
  bytesOf,
  closeOf,
  exitedBy,
  follow,
  output,
  outputOf,
  refusalOf,
  run,
  runToClose,
  snapshotWhen,
  someOf,
} from './driving.ts';
import { connectTo } from './open-remote.ts';
import { closedLog, outputs, storeLog } from './stored-log.ts';

/** Connections that live for few bytes or many, so that cuts fall in heads, frames and between. */
function randomBudget(seed: number, bytesMax: number): () => Budget {
  const random = seededRandom(seed);
  return () => ({ up: Infinity, down: 1 + Math.floor(random() ** 2 * bytesMax) });
}

const ended = { ...exitedBy(0), output_incomplete: false };

describe('a stream over a connection that is cut', () => {
  it.each([
    ['retained', 1],
    ['retained', 2],
    ['replay', 3],
  ] as const)('gives 20 000 events of the %s exactly once, seed %i', async (from, seed) => {
    const events = closedLog(20_000);
    const { dir, process_id } = await storeLog(events);
    const big = { REPLAY_EVENTS_MAX: 100_000, REPLAY_BYTES_MAX: 100_000_000 };
    const { url } = await startService({ DATA_DIR: dir, ...big });
    const proxy = await openProxy(url, randomBudget(seed, 600_000));
    const backend = connectTo(proxy.url);
    const process = await backend.get(process_id);
    const received = await allOf(await follow(process, 0, from));
    expect(received).toHaveLength(20_000);
    expect(received.every((event, index) => 'seq' in event && event.seq === index + 1)).toBe(true);
    expect(bytesOf(outputOf(received)).equals(bytesOf(outputOf(events)))).toBe(true);
    expect(received.slice(-2)).toEqual(events.slice(-2));
    expect(proxy.cuts).toBeGreaterThan(10);
  });

  it('gives the live output of a child exactly once', async () => {
    const { url } = await startService();
    const proxy = await openProxy(url, randomBudget(4, 300_000));
    const process = await run(connectTo(proxy.url), 'seq 300000');
    const received = await allOf(await follow(process, 0, 'retained'));
    const numbers = bytesOf(outputOf(received)).toString().trimEnd().split('\n').map(Number);
    expect(numbers).toHaveLength(300_000);
    expect(numbers.every((number, index) => number === index + 1)).toBe(true);
    expect(received.at(-1)).toMatchObject({ type: 'closed', ...ended });
    expect(proxy.cuts).toBeGreaterThan(10);
  });

  it('follows the head to the close', async () => {
    const { url } = await startService();
    const proxy = await openProxy(url, randomBudget(5, 2000));
    const backend = connectTo(proxy.url);
    const process = await run(backend, 'for i in 1 2 3 4 5; do echo $i; sleep 0.02; done');
    const subscription = await process.subscribeWake({ after_seq: 0 });
    if (subscription.kind !== 'stream') throw new Error('there is nothing to follow');
    let last = 0;
    for (;;) {
      const wake = await subscription.stream.next(20_000);
      if (wake === null || typeof wake === 'string') throw new Error('no close came');
      expect(wake.seq).toBeGreaterThan(last);
      last = wake.seq;
      if (wake.closed) break;
    }
    expect(last).toBe((await process.read({})).closed_seq);
  });

  it('goes on when the server is back in time', async () => {
    const { url } = await startService();
    const proxy = await openProxy(url);
    const process = await run(connectTo(url), 'cat', { pipe_stdin: true });
    const stream = await follow(await connectTo(proxy.url).get(process.process_id));
    await process.write({ chunk: Buffer.from('before') });
    expect(await someOf(stream, 1)).toEqual([output(1, 'before')]);
    proxy.refuse();
    await process.write({ chunk: Buffer.from('after'), eof: true });
    expect(await stream.next(300)).toEqual([]);
    proxy.restore();
    expect(await allOf(stream)).toEqual([
      output(2, 'after'),
      { type: 'exited', seq: 3, ...exitedBy(0) },
      { type: 'closed', seq: 4, ...ended },
    ]);
  });

  it('lags when the replay has moved on in the meantime', async () => {
    const { url } = await startService({ REPLAY_EVENTS_MAX: 2 });
    const proxy = await openProxy(url);
    const process = await run(connectTo(url), 'cat', { pipe_stdin: true });
    const stream = await follow(await connectTo(proxy.url).get(process.process_id));
    await process.write({ chunk: Buffer.from('x') });
    await someOf(stream, 1);
    proxy.refuse();
    for (const head of [2, 3, 4, 5]) {
      await process.write({ chunk: Buffer.from('x') });
      await snapshotWhen(process, ({ next_seq }) => next_seq === head + 1);
    }
    proxy.restore();
    expect(await allOf(stream)).toEqual([{ type: 'lagged', after_seq: 1 }]);
  });

  it('tells of a gap that eviction made in the meantime', async () => {
    const { url } = await startService({ RETAINED_OUTPUT_BYTES_MAX: 65_536 });
    const proxy = await openProxy(url);
    const script = 'printf x; read go; exec head -c 1000000 /dev/zero';
    const process = await run(connectTo(url), script, { pipe_stdin: true });
    const remote = await connectTo(proxy.url).get(process.process_id);
    const stream = await follow(remote, 0, 'retained');
    await someOf(stream, 1);
    proxy.refuse();
    await process.write({ chunk: Buffer.from('\n') });
    await closeOf(process);
    proxy.restore();
    const [gap, ...rest] = await allOf(stream);
    expect(gap).toMatchObject({ type: 'gap', from_seq: 2 });
    const bytes = gap?.type === 'gap' ? gap.bytes : 0;
    expect(1 + bytes + bytesOf(outputOf(rest)).length).toBe(1_000_001);
  });
});

describe('a stream whose server is gone', () => {
  it('fails after its time, with the exit that it knew', async () => {
    const { url } = await startService();
    const proxy = await openProxy(url);
    const backend = connectTo(proxy.url, { recoverMs: 200 });
    const process = await run(backend, 'echo hi; sleep 60 & exit 3');
    const stream = await follow(process);
    expect(await someOf(stream, 2)).toHaveLength(2);
    proxy.refuse();
    const message: unknown = expect.stringContaining('gone for 200 ms');
    expect(await stream.next(20_000)).toEqual([
      { type: 'failed', last_seq: 2, message, failure_reason: null, ...exitedBy(3) },
    ]);
    expect(await stream.next(20_000)).toBeNull();
  });

  it('gives a wake that has failed', async () => {
    const { url } = await startService();
    const proxy = await openProxy(url);
    const process = await run(connectTo(proxy.url, { recoverMs: 200 }), 'exec sleep 60');
    const subscription = await process.subscribeWake({ after_seq: 0 });
    if (subscription.kind !== 'stream') throw new Error('there is nothing to follow');
    proxy.refuse();
    const wake = await subscription.stream.next(20_000);
    expect(wake).toEqual({ seq: 1, next_seq: 1, closed: false, failed: true });
    expect(await subscription.stream.next(0)).toBeNull();
  });

  it('is silent for as long as it is asked while it recovers, and can be closed', async () => {
    const { url } = await startService();
    const proxy = await openProxy(url);
    const process = await run(connectTo(proxy.url, { recoverMs: 60_000 }), 'exec sleep 60');
    const stream = await follow(process);
    proxy.refuse();
    expect(await stream.next(50)).toEqual([]);
    const next = stream.next(60_000);
    stream.close();
    expect(await next).toBeNull();
  });

  it('rejects when the process was removed in the meantime', async () => {
    const { url } = await startService();
    const proxy = await openProxy(url);
    const direct = connectTo(url);
    const process = await run(connectTo(proxy.url), 'read x', { pipe_stdin: true });
    const stream = await follow(process);
    proxy.refuse();
    await direct.remove(process.process_id, { force: true });
    proxy.restore();
    expect(await refusalOf(stream.next(20_000))).toEqual({ code: 'process_expired' });
    expect(await stream.next(20_000)).toBeNull();
  });
});

describe('a process that the server lost', () => {
  it('ends its streams with the failure that the server tells', async () => {
    const { dir, process_id } = await storeLog(outputs(3), 'lost');
    const { url } = await startService({ DATA_DIR: dir });
    const process = await connectTo(url).get(process_id);
    const events = await allOf(await follow(process, 1));
    expect(events.slice(2)).toEqual([
      {
        type: 'failed',
        last_seq: 3,
        message: 'it was lost',
        failure_reason: 'server_restarted',
        exit_code: null,
        signal: null,
        exit_reason: null,
      },
    ]);
    expect(await process.subscribeEvents({ after_seq: 4, from: 'replay' })).toEqual({
      kind: 'ended',
    });
    const wakes = await process.subscribeWake({ after_seq: 3 });
    if (wakes.kind !== 'stream') throw new Error('there is nothing to follow');
    const wake = { seq: 4, next_seq: 4, closed: false, failed: true };
    expect(await wakes.stream.next(0)).toEqual(wake);
    expect(await process.subscribeWake({ after_seq: 4 })).toEqual({ kind: 'ended' });
  });
});

describe('a stream that is closed', () => {
  it('leaves no connection open', async () => {
    const { url } = await startService();
    const proxy = await openProxy(url);
    const direct = connectTo(url);
    const { process_id } = await run(direct, 'echo up; exec sleep 60');
    const process = await connectTo(proxy.url).get(process_id);
    const streams = await Promise.all([1, 2, 3].map(() => follow(process)));
    for (const stream of streams) await someOf(stream, 1);
    expect(proxy.openConnections).toBeGreaterThanOrEqual(3);
    for (const stream of streams) stream.close();
    await eventually(
      () => proxy.openConnections,
      (open) => open <= 1,
    );
  });

  it('by its client gives null, as every stream of it does', async () => {
    const { url } = await startService();
    const proxy = await openProxy(url);
    const client = connectTo(proxy.url);
    const process = await run(client, 'exec sleep 60');
    const stream = await follow(process);
    const wakes = await process.subscribeWake({ after_seq: 0 });
    if (wakes.kind !== 'stream') throw new Error('there is nothing to follow');
    const next = stream.next(60_000);
    const wake = wakes.stream.next(60_000);
    await client.close();
    expect([await next, await wake]).toEqual([null, null]);
    expect(await refusalOf(process.snapshot())).toEqual({ code: 'internal_error' });
    await eventually(
      () => proxy.openConnections,
      (open) => open === 0,
    );
  });

  it('after its last event keeps its connection for others', async () => {
    const { url } = await startService();
    const proxy = await openProxy(url);
    const client = connectTo(proxy.url);
    for (let round = 0; round < 5; round += 1) {
      const process = await runToClose(client, 'echo x');
      await allOf(await follow(process));
    }
    expect(proxy.openConnections).toBeLessThanOrEqual(2);
  });
});
