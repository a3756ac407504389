import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { Budget } from '../support/cutting-proxy.ts';
import { openProxy } from '../support/cutting-proxy.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { startService } from '../support/service.ts';
import {
  bytesOf,
  closeOf,
  directory,
  follow,
  output,
  refusalOf,
  run,
  runToClose,
  sh,
  textAtClose,
  textWhen,
} from './driving.ts';
import { connectTo } from './open-remote.ts';

function randomBudget(seed: number, bytesMax: number): () => Budget {
  const random = seededRandom(seed);
  return () => ({
    up: 1 + Math.floor(random() * bytesMax),
    down: random() < 0.5 ? 0 : Infinity,
  });
}

const unreachable = { code: 'store_unavailable' };

describe('a call over connections that are cut', () => {
  it.each([1, 2, 3])('writes 8 MiB exactly once, seed %i', async (seed) => {
    const { url } = await startService();
    const direct = connectTo(url);
    const { process_id } = await run(direct, 'exec sha256sum', { pipe_stdin: true });
    const proxy = await openProxy(url, randomBudget(seed, 3_000_000));
    const client = connectTo(proxy.url);
    const bytes = randomBytes(8 * 1024 * 1024);
    const process = await client.get(process_id);
    for (let at = 0; at < bytes.length; at += 1024 * 1024) {
      await process.write({ chunk: bytes.subarray(at, at + 1024 * 1024) });
    }
    const result = await process.write({ chunk: Buffer.alloc(0), eof: true });
    expect(result.stdin_bytes).toBe(bytes.length);
    const hash = createHash('sha256').update(bytes).digest('hex');
    expect(await textAtClose(await direct.get(process_id))).toBe(`${hash}  -\n`);
    expect(proxy.cuts).toBeGreaterThan(3);
  });

  it('writes once when only the answer was lost', async () => {
    const { url } = await startService();
    const direct = connectTo(url);
    const process = await run(direct, 'exec cat', { pipe_stdin: true });
    let isCutting = true;
    const proxy = await openProxy(url, () => ({ up: Infinity, down: isCutting ? 5 : Infinity }));
    const written = (async () => {
      const remote = await connectTo(proxy.url).get(process.process_id);
      return remote.write({ chunk: Buffer.from('once'), write_id: 'w', eof: true });
    })();
    await eventually(
      () => proxy.cuts,
      (cuts) => cuts > 2,
    );
    isCutting = false;
    expect(await written).toMatchObject({ accepted_bytes: 4, stdin_bytes: 4 });
    expect(await textAtClose(process)).toBe('once');
  });

  it('rejects when an iterable was cut, since it cannot be read again', async () => {
    const { url } = await startService();
    const process = await run(connectTo(url), 'exec cat', { pipe_stdin: true });
    const proxy = await openProxy(url);
    const remote = await connectTo(proxy.url).get(process.process_id);
    const pieces = async function* () {
      yield Buffer.from('first');
      await textWhen(process, 'first');
      proxy.refuse();
      yield Buffer.from('never');
    };
    const refusal = await refusalOf(remote.write({ chunk: pieces() }));
    expect(refusal).toEqual(unreachable);
    expect(await process.snapshot()).toMatchObject({ state: 'running', stdin: 'open' });
  });

  it.each([{}, { process_id: 'mine' }])('starts one child: %j', async (id) => {
    const { url } = await startService();
    const file = path.join(directory(), 'started');
    let cutsLeft = 5;
    const proxy = await openProxy(url, () => {
      cutsLeft -= 1;
      return { up: Infinity, down: cutsLeft >= 0 ? cutsLeft * 30 : Infinity };
    });
    const argv = sh(`echo once >> '${file}'; exec sleep 60`);
    const { process } = await connectTo(proxy.url).start({ argv, ...id });
    await eventually(
      () => readFileSync(file, 'utf8'),
      (text) => text.length > 0,
    );
    expect(readFileSync(file, 'utf8')).toBe('once\n');
    const page = await connectTo(url).list({});
    expect(page.processes.map(({ process_id }) => process_id)).toEqual([process.process_id]);
    expect(proxy.cuts).toBe(5);
  });

  it('reads pages as if there were no cut', async () => {
    const { url } = await startService();
    const random = seededRandom(9);
    const proxy = await openProxy(url, () => ({
      up: Infinity,
      down: Math.floor(random() * 2_000_000),
    }));
    const process = await runToClose(connectTo(proxy.url), 'exec head -c 1000000 /dev/zero');
    const page = await process.read({ max_bytes: 8 * 1024 * 1024 });
    expect(bytesOf(page.chunks)).toHaveLength(1_000_000);
  });

  it('sends a signal once, and tells that its answer was lost', async () => {
    const { url } = await startService();
    const script = 'trap "echo got" TERM; echo up; while :; do sleep 0.01; done';
    const process = await run(connectTo(url), script);
    await textWhen(process, 'up');
    let isCutting = false;
    const proxy = await openProxy(url, () => ({ up: Infinity, down: isCutting ? 5 : Infinity }));
    const remote = await connectTo(proxy.url, { recoverMs: 60_000 }).get(process.process_id);
    isCutting = true;
    proxy.refuse();
    proxy.restore();
    const refusal = await refusalOf(remote.signal({ signal: 'SIGTERM', scope: 'process' }));
    expect(refusal).toEqual(unreachable);
    await textWhen(process, 'got');
    await process.signal({ signal: 'SIGKILL' });
    expect(await textAtClose(process)).toBe('up\ngot\n');
  });
});

describe('a server that is gone', () => {
  it('makes every call reject with store_unavailable when the time is over', async () => {
    const { url, stop } = await startService();
    const client = connectTo(url, { recoverMs: 100 });
    const process = await run(client, 'exec sleep 60');
    await stop();
    const calls = [
      client.get('p'),
      client.list({}),
      client.start({ argv: ['true'] }),
      client.remove('p'),
      process.snapshot(),
      process.read({}),
      process.write({ chunk: Buffer.from('x') }),
      process.signal({ signal: 'SIGTERM' }),
      process.terminate({}),
      process.subscribeEvents({ after_seq: 0, from: 'replay' }),
      process.subscribeWake({ after_seq: 0 }),
    ];
    const refusals = await Promise.all(calls.map(refusalOf));
    expect(refusals).toEqual(calls.map(() => unreachable));
  });

  it('is waited for, no longer than the read was to wait', async () => {
    const { url } = await startService();
    const proxy = await openProxy(url);
    const process = await run(connectTo(proxy.url), 'exec sleep 60');
    const before = performance.now();
    const page = process.read({ wait_ms: 500 });
    proxy.refuse();
    proxy.restore();
    expect(await page).toMatchObject({ chunks: [] });
    expect(performance.now() - before).toBeLessThan(10_000);
  });

  it('since it shuts down is waited for like any other', async () => {
    const { url, stop } = await startService();
    const process = await run(connectTo(url, { recoverMs: 300 }), 'echo up; exec sleep 60');
    await textWhen(process, 'up');
    const stream = await follow(process);
    const wakes = await process.subscribeWake({ after_seq: 1 });
    if (wakes.kind !== 'stream') throw new Error('there is nothing to follow');
    expect(await stream.next(20_000)).toEqual([output(1, 'up\n')]);
    const events = stream.next(20_000);
    const wake = wakes.stream.next(20_000);
    await stop();
    expect(await events).toMatchObject([{ type: 'failed', failure_reason: null }]);
    expect(await wake).toMatchObject({ failed: true });
  });
});

describe('an aborted read', () => {
  it('leaves no connection open', async () => {
    const { url } = await startService();
    const proxy = await openProxy(url);
    const client = connectTo(proxy.url);
    const process = await run(client, 'exec sleep 60');
    const abort = new AbortController();
    const reads = [1, 2, 3].map(() => process.read({ wait_ms: 60_000 }, abort.signal));
    await eventually(
      () => proxy.openConnections,
      (open) => open >= 3,
    );
    abort.abort();
    await Promise.all(reads);
    await client.close();
    await eventually(
      () => proxy.openConnections,
      (open) => open === 0,
    );
  });
});

describe('a handle of a process that was removed', () => {
  it('rejects with process_expired', async () => {
    const { url } = await startService();
    const client = connectTo(url);
    const process = await runToClose(client, ':', { process_id: 'gone' });
    await client.remove('gone');
    const expired = { code: 'process_expired' };
    expect(await refusalOf(process.snapshot())).toEqual(expired);
    expect(await refusalOf(process.read({}))).toEqual(expired);
    const events = process.subscribeEvents({ after_seq: 0, from: 'retained' });
    expect(await refusalOf(events)).toEqual(expired);
  });
});

describe('a refusal', () => {
  it('has the detail and the members of the problem, and its request as the cause', async () => {
    const { url } = await startService();
    const process = await run(connectTo(url), ':');
    await closeOf(process);
    const error: unknown = await process.read({ after_seq: 9 }).catch((reason: unknown) => reason);
    const instance: unknown = expect.any(String);
    const title: unknown = expect.any(String);
    expect(error).toMatchObject({
      code: 'cursor_ahead',
      message: 'the cursor is 9, the newest seq is 2',
      members: { head_seq: 2, next_seq: 3 },
      cause: { type: 'urn:procession:problem:cursor_ahead', status: 409, title, instance },
    });
  });

  it('of a write_id that no header can carry comes from the client', async () => {
    const { url } = await startService();
    const process = await run(connectTo(url), 'exec cat', { pipe_stdin: true });
    for (const write_id of ['', 'a\nb', ' a', 'ü', 'x'.repeat(257)]) {
      const refusal = await refusalOf(process.write({ chunk: Buffer.from('x'), write_id }));
      expect(refusal).toEqual({ code: 'invalid_request' });
    }
  });
});
