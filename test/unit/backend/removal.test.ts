import { afterEach, describe, expect, test, vi } from 'vitest';
import { OpenStreams } from '../../../src/backend/open-streams.ts';
import { ProcessionError } from '../../../src/errors.ts';
import type { EventStream } from '../../../src/exec-backend.ts';
import { MemoryEngine } from '../replica/memory-engine.ts';
import { microtasks, recordOf } from '../replica/fixtures.ts';
import type { World } from './fixtures.ts';
import { lineOf, longMs, start, startOfTime, worldOf } from './fixtures.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** Starts a process that wrote `hi` and is closed. */
async function startClosed(world: World, process_id = 'p', retention_ms = 600_000) {
  const process = await start(world, { process_id, retention_ms });
  world.host.last.stdout.write('hi');
  world.host.last.exitWith(0);
  await lineOf(process);
  await microtasks();
  return process;
}

async function streamOf(world: World, process_id = 'p'): Promise<EventStream> {
  const process = await world.backend.get(process_id);
  const subscription = await process.subscribeEvents({ after_seq: 0, from: 'retained' });
  if (subscription.kind !== 'stream') throw new Error(subscription.kind);
  return subscription.stream;
}

const expired = new ProcessionError('process_expired', 'process p was removed');

describe('removing', () => {
  test('a closed process deletes its log, and its id is expired', async () => {
    const world = worldOf();
    const { record } = await startClosed(world);
    await world.backend.remove('p');
    await microtasks();
    expect(world.engine.stored(record)).toBeNull();
    expect((await world.backend.list({})).processes).toEqual([]);
  });

  test('is known afterwards', async () => {
    const world = worldOf();
    await startClosed(world);
    const stream = await streamOf(world);
    await world.backend.remove('p');
    await expect(world.backend.get('p')).rejects.toEqual(expired);
    await expect(world.backend.remove('p')).rejects.toEqual(expired);
    stream.close();
  });

  test('a process that can be written to forgets it too', async () => {
    const world = worldOf();
    const process = await start(world, { pipe_stdin: true });
    world.host.last.exitWith(0);
    const stream = await streamOf(world);
    await lineOf(process);
    await microtasks();
    expect(await world.backend.get('p')).toBe(process);
    await world.backend.remove('p');
    await expect(world.backend.get('p')).rejects.toEqual(expired);
    stream.close();
  });

  test('an unknown process is not found', async () => {
    await expect(worldOf().backend.remove('p')).rejects.toEqual(
      new ProcessionError('process_not_found', 'there is no process p'),
    );
  });

  test.each(['running', 'exited'])('a process that is %s is refused', async (state) => {
    const world = worldOf();
    const process = await start(world);
    if (state === 'exited') {
      world.host.last.holdsPipes = true;
      world.host.last.exitWith(0);
      await process.read({ wait_ms: longMs });
    }
    await expect(world.backend.remove('p')).rejects.toEqual(
      new ProcessionError('process_running', 'p is not over yet'),
    );
    expect((await process.snapshot()).state).toBe(state);
  });

  test('waits with the log until its last stream has ended', async () => {
    const world = worldOf();
    const { record } = await startClosed(world);
    const [first, second] = [await streamOf(world), await streamOf(world)];
    await world.backend.remove('p');
    await microtasks();
    expect(await first.next(longMs)).toMatchObject([
      { type: 'output', chunk: Buffer.from('hi') },
      { type: 'exited' },
      { type: 'closed' },
    ]);
    await microtasks();
    expect(world.engine.stored(record)).not.toBeNull();
    second.close();
    await microtasks();
    expect(world.engine.stored(record)).toBeNull();
    expect(world.observed.filter(([name]) => name === 'unfollowed').length).toBe(3);
  });

  test('a log that cannot be deleted is logged', async () => {
    const world = worldOf();
    await startClosed(world);
    const err = new Error('EBUSY');
    world.engine.before = (operation) => operation === 'dropLog' && Promise.reject(err);
    await world.backend.remove('p');
    await microtasks();
    expect(world.logged.at(-1)).toEqual([
      'error',
      'the log of a removed process remains',
      { process_id: 'p', err },
    ]);
  });
});

describe('removing by force', () => {
  test('kills the tree, waits for the close and gives open streams what was left', async () => {
    const world = worldOf();
    const { record } = await start(world);
    const child = world.host.last;
    child.ignored.add('SIGTERM');
    child.stdout.write('hi');
    const stream = await streamOf(world);
    await stream.next(longMs);
    await world.backend.remove('p', { force: true });
    expect(child.signals).toContain('-SIGKILL');
    const rest = [...((await stream.next(longMs)) ?? []), ...((await stream.next(longMs)) ?? [])];
    expect(rest).toMatchObject([
      { type: 'exited', signal: 'SIGKILL', exit_reason: 'terminated' },
      { type: 'closed', output_incomplete: false },
    ]);
    await microtasks();
    expect(world.engine.stored(record)).toBeNull();
    await expect(world.backend.get('p')).rejects.toEqual(expired);
  });

  test('does not wait longer than 5 s for pipes that somebody holds', async () => {
    const world = worldOf();
    const process = await start(world);
    const child = world.host.last;
    child.holdsPipes = true;
    const stream = await streamOf(world);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const removing = world.backend.remove('p', { force: true });
    while ((await process.snapshot()).state !== 'exited' || vi.getTimerCount() === 0) {
      await microtasks();
    }
    vi.advanceTimersByTime(4999);
    await microtasks();
    expect((await process.snapshot()).state).toBe('exited');
    vi.advanceTimersByTime(1);
    await removing;
    vi.useRealTimers();
    expect(await process.snapshot()).toMatchObject({ state: 'closed', output_incomplete: true });
    stream.close();
  });

  test('a process of which only the record is left removes it', async () => {
    const world = worldOf();
    const record = recordOf();
    await world.engine.create(record);
    await expect(world.backend.remove('p')).rejects.toMatchObject({ code: 'process_running' });
    await world.backend.remove('p', { force: true });
    await expect(world.backend.get('p')).rejects.toEqual(expired);
    await microtasks();
    expect(world.engine.stored(record)).toBeNull();
  });

  test('a process that failed ends what it has left and removes it', async () => {
    const world = worldOf();
    const record = recordOf();
    await world.engine.create(record);
    await world.engine.append(record, [], {
      state: 'failed',
      message: 'restarted',
      failure_reason: 'server_restarted',
      failed_at: 1,
      exited: null,
    });
    await world.backend.remove('p', { force: true });
    await expect(world.backend.get('p')).rejects.toEqual(expired);
  });

  test('that the store does not take says so, and may be repeated', async () => {
    const world = worldOf();
    await startClosed(world);
    world.engine.before = (operation) =>
      operation === 'remove' && Promise.reject(new Error('no space'));
    await expect(world.backend.remove('p')).rejects.toMatchObject({ code: 'store_unavailable' });
    world.engine.before = () => undefined;
    await world.backend.remove('p');
  });

  test('a process that is over only removes it', async () => {
    const world = worldOf();
    const { record } = await startClosed(world);
    await world.backend.remove('p', { force: true });
    await microtasks();
    expect([world.engine.stored(record), world.host.last.signals]).toEqual([null, []]);
  });
});

describe('retention', () => {
  /** A backend whose sweeps the test makes. */
  function sweeping(): World & { readonly sweep: () => Promise<void> } {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const world = worldOf();
    const sweep = async (): Promise<void> => {
      vi.advanceTimersByTime(1000);
      await microtasks();
    };
    return { ...world, sweep };
  }

  test('removes a process when its time has passed and not before', async () => {
    const world = sweeping();
    const { record } = await startClosed(world, 'p', 500);
    await startClosed(world, 'q', 1500);
    world.clock.now = startOfTime + 499;
    await world.sweep();
    expect((await world.backend.get('p')).process_id).toBe('p');
    world.clock.now = startOfTime + 500;
    await world.sweep();
    await expect(world.backend.get('p')).rejects.toEqual(expired);
    expect(world.engine.stored(record)).toBeNull();
    expect((await world.backend.list({})).processes.map(({ process_id }) => process_id)).toEqual([
      'q',
    ]);
  });

  test('never removes a process that is not over', async () => {
    const world = sweeping();
    const process = await start(world, { retention_ms: 0 });
    world.host.last.holdsPipes = true;
    world.host.last.exitWith(0);
    await process.read({ wait_ms: longMs });
    world.clock.now = startOfTime + 86_400_000;
    await world.sweep();
    expect((await world.backend.get('p')).process_id).toBe('p');
  });

  test('leaves the log to a reader that is still open', async () => {
    const world = sweeping();
    const { record } = await startClosed(world, 'p', 0);
    const stream = await streamOf(world);
    world.clock.now = startOfTime + 1;
    await world.sweep();
    await expect(world.backend.get('p')).rejects.toEqual(expired);
    expect((await stream.next(longMs))?.length).toBe(3);
    await microtasks();
    expect(world.engine.stored(record)).toBeNull();
  });

  test('that the store refuses is logged and tried again', async () => {
    const world = sweeping();
    await startClosed(world, 'p', 0);
    const err = new Error('locked');
    world.engine.before = (operation) => operation === 'findExpired' && Promise.reject(err);
    world.clock.now = startOfTime + 1;
    await world.sweep();
    expect(world.logged.at(-1)).toEqual(['error', 'expired processes were not found', { err }]);
    world.engine.before = () => undefined;
    await world.sweep();
    await expect(world.backend.get('p')).rejects.toEqual(expired);
  });

  test('ends with the backend', async () => {
    const world = sweeping();
    await world.backend.close();
    await world.sweep();
    expect([world.engine.count('findExpired'), world.engine.isClosed]).toEqual([0, true]);
  });
});

describe('listing', () => {
  test('says of live processes what is known now, and of others what is stored', async () => {
    const world = worldOf();
    await startClosed(world, 'p');
    const live = await start(world, { process_id: 'q', pipe_stdin: true });
    const closed = await world.backend.get('p');
    expect(await world.backend.list({})).toEqual({
      processes: [await live.snapshot(), await closed.snapshot()],
      next_cursor: null,
    });
    expect([live.live === null, closed.live === null]).toEqual([false, true]);
    expect((await live.snapshot()).stdin).toBe('open');
  });

  test('passes on the state, the labels, the limit and the cursor', async () => {
    const world = worldOf();
    await startClosed(world, 'a');
    for (const process_id of ['b', 'c', 'd']) {
      await start(world, { process_id, labels: { l: process_id === 'c' ? 'x' : 'y' } });
    }
    const ids = async (params: Parameters<World['backend']['list']>[0]): Promise<unknown> => {
      const { processes, next_cursor } = await world.backend.list(params);
      return [processes.map(({ process_id }) => process_id), next_cursor];
    };
    expect(await ids({ state: 'closed' })).toEqual([['a'], null]);
    expect(await ids({ labels: [['l', 'y']] })).toEqual([['d', 'b'], null]);
    expect(await ids({ limit: 2 })).toEqual([['d', 'c'], '2']);
    expect(await ids({ limit: 2, cursor: '2' })).toEqual([['b', 'a'], null]);
  });

  test('is a hundred at a time unless said otherwise', async () => {
    const engine = new MemoryEngine();
    const list = vi.spyOn(engine, 'list');
    await worldOf({}, engine).backend.list({});
    expect(list).toHaveBeenCalledWith({ labels: [], limit: 100 });
  });
});

describe('open streams', () => {
  const record = recordOf();

  test('of a log are idle when all have ended, and are observed', async () => {
    const observed: unknown[] = [];
    const streams = new OpenStreams({
      started: () => undefined,
      startFailed: () => undefined,
      exited: () => undefined,
      output: () => undefined,
      evicted: () => undefined,
      followed: () => observed.push('followed'),
      unfollowed: (reason) => observed.push(reason),
    });
    await streams.whenIdle(record);
    const [first, second] = [streams.open(record), streams.open(record)];
    const other = streams.open(recordOf({ incarnation: 'other' }));
    let isIdle = false;
    const idle = streams.whenIdle(record).then(() => {
      isIdle = true;
    });
    first('lagged');
    other('ended');
    await microtasks();
    expect(isIdle).toBe(false);
    second('ended');
    await idle;
    expect(observed).toEqual(['followed', 'followed', 'followed', 'lagged', 'ended', 'ended']);
  });
});
