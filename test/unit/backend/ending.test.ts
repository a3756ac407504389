import { afterEach, describe, expect, test, vi } from 'vitest';
import { ProcessionError } from '../../../src/errors.ts';
import { microtasks } from '../replica/fixtures.ts';
import { eventsOf, lineOf, longMs, reach, start, worldOf } from './fixtures.ts';

afterEach(() => {
  vi.useRealTimers();
});

describe('the exit reason', () => {
  test('of a program that returns is exited', async () => {
    const world = worldOf();
    const process = await start(world);
    world.host.last.exitWith(3);
    expect(await lineOf(process)).toBe('exited:3:exited closed');
    expect(world.observed).toContainEqual(['exited', 'exited']);
    expect(world.logged).toContainEqual([
      'info',
      'process exited',
      { process_id: 'p', exit_code: 3, signal: null, exit_reason: 'exited' },
    ]);
  });

  test('of a program that a signal ended is signaled', async () => {
    const world = worldOf();
    const process = await start(world);
    world.host.last.dieOf('SIGSEGV');
    expect(await lineOf(process)).toBe('exited:SIGSEGV:signaled closed');
  });

  test('after a signal through the API is signaled', async () => {
    const world = worldOf();
    const process = await start(world);
    expect(await process.signal({ signal: 'SIGINT' })).toMatchObject({ state: 'running' });
    expect(world.host.last.signals).toEqual(['-SIGINT']);
    expect(await lineOf(process)).toBe('exited:SIGINT:signaled closed');
  });

  test('after its time has passed is timeout', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const world = worldOf();
    const process = await start(world, { timeout_ms: 50 });
    vi.advanceTimersByTime(49);
    await microtasks();
    expect(world.host.last.signals).toEqual([]);
    vi.advanceTimersByTime(1);
    vi.useRealTimers();
    expect(await lineOf(process)).toBe('exited:SIGTERM:timeout closed');
    expect(world.host.last.signals[0]).toBe('-SIGTERM');
  });

  test('of a child whose exit is seen after its time, but in the same turn, is its own', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const world = worldOf();
    const process = await start(world, { timeout_ms: 50 });
    vi.advanceTimersByTime(50);
    world.host.last.exitWith(0);
    vi.useRealTimers();
    expect(await lineOf(process)).toBe('exited:0:exited closed');
    expect(world.host.last.signals).toEqual([]);
  });

  test('of a child that ignores the timeout is timeout, and SIGKILL ends it', async () => {
    const world = worldOf();
    const process = await start(world, { timeout_ms: 1, grace_ms: 1 });
    world.host.last.ignored.add('SIGTERM');
    expect(await lineOf(process)).toBe('exited:SIGKILL:timeout closed');
  });

  test('after a terminate is terminated', async () => {
    const world = worldOf();
    const process = await start(world);
    expect(await process.terminate({ wait_ms: longMs })).toMatchObject({
      running: true,
      survivors: [],
      state: 'closed',
      signal: 'SIGTERM',
      exit_reason: 'terminated',
    });
    expect(await lineOf(process)).toBe('exited:SIGTERM:terminated closed');
  });

  test('is terminated also when the child makes the signal its own exit code', async () => {
    const world = worldOf();
    const process = await start(world);
    const child = world.host.last;
    child.ignored.add('SIGUSR1');
    const result = await process.terminate({ signal: 'SIGUSR1' });
    expect(result).toMatchObject({ running: true, survivors: [], state: 'running' });
    await microtasks();
    expect(child.signals).toEqual(['-SIGUSR1']);
    child.exitWith(7);
    expect(await lineOf(process)).toBe('exited:7:terminated closed');
  });

  test('of a child that the service ends when it stops is server_shutdown', async () => {
    const world = worldOf();
    const process = await start(world);
    await world.backend.drain({ graceMs: 1000 });
    expect(await process.snapshot()).toMatchObject({
      state: 'closed',
      exit_reason: 'server_shutdown',
      signal: 'SIGTERM',
    });
  });

  test('is the first cause, whatever comes later', async () => {
    const world = worldOf();
    const process = await start(world);
    const child = world.host.last;
    child.ignored.add('SIGTERM');
    await process.terminate({});
    await world.backend.drain({ graceMs: 0 });
    expect(await process.snapshot()).toMatchObject({
      exit_reason: 'terminated',
      signal: 'SIGKILL',
    });
  });

  test('of a program that had exited by itself is not changed by a terminate', async () => {
    const world = worldOf();
    const process = await start(world);
    const child = world.host.last;
    child.holdsPipes = true;
    child.exitWith(0);
    await process.read({ wait_ms: longMs });
    expect(await process.terminate({})).toMatchObject({ running: false, exit_reason: 'exited' });
    child.closePipes();
    expect(await lineOf(process)).toBe('exited:0:exited closed');
  });

  test('of a program that exits in time is not timeout, and its timer is gone', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const world = worldOf();
    const process = await start(world, { timeout_ms: 60_000 });
    world.host.last.exitWith(0);
    await reach(process, 'closed');
    await microtasks();
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
    expect(await lineOf(process)).toBe('exited:0:exited closed');
  });
});

describe('the order of the end', () => {
  test('output that was in the pipe comes before the exit, then that of descendants', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const world = worldOf();
    const process = await start(world);
    const child = world.host.last;
    child.holdsPipes = true;
    child.exitWith(0);
    for (const letter of 'last') {
      child.stdout.write(letter);
      await microtasks();
    }
    await reach(process, 'exited');
    vi.useRealTimers();
    child.stdout.write('descendant');
    child.closePipes();
    const parts = (await lineOf(process)).split(' ');
    const texts = parts.map((part) => part.replace('stdout:', ''));
    const exit = texts.indexOf('exited:0:exited');
    expect(texts.slice(0, exit).join('')).toBe('last');
    expect(texts.slice(exit + 1)).toEqual(['descendant', 'closed']);
  });

  test('the close waits for pipes that a descendant holds', async () => {
    const world = worldOf();
    const process = await start(world);
    const child = world.host.last;
    child.holdsPipes = true;
    child.exitWith(0);
    await process.read({ wait_ms: longMs });
    for (let turn = 0; turn < 20; turn += 1) await microtasks();
    expect(await process.snapshot()).toMatchObject({ state: 'exited', stdin: 'closed' });
    child.stdout.write('late');
    child.closePipes();
    expect(await lineOf(process)).toBe('exited:0:exited stdout:late closed');
  });

  test('drain_ms bounds that wait, and the close says so', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const world = worldOf();
    const process = await start(world, { drain_ms: 30 });
    const child = world.host.last;
    child.holdsPipes = true;
    child.exitWith(0);
    await reach(process, 'exited');
    vi.advanceTimersByTime(29);
    await microtasks();
    expect((await process.snapshot()).state).toBe('exited');
    vi.advanceTimersByTime(1);
    vi.useRealTimers();
    const status = { exit_code: 0, signal: null, exit_reason: 'exited' };
    expect(await eventsOf(process)).toEqual([
      { type: 'exited', seq: 1, ...status },
      { type: 'closed', seq: 2, ...status, output_incomplete: true },
    ]);
    expect((await process.snapshot()).output_incomplete).toBe(true);
    expect([child.stdout.destroyed, child.stderr.destroyed]).toEqual([true, true]);
  });

  test('drain_ms does not delay the close of pipes that end', async () => {
    const world = worldOf();
    const process = await start(world, { drain_ms: 60_000 });
    world.host.last.exitWith(0);
    expect((await eventsOf(process)).at(-1)).toMatchObject({
      type: 'closed',
      output_incomplete: false,
    });
  });

  test('drain_ms of 0 gives up at once', async () => {
    const world = worldOf();
    const process = await start(world, { drain_ms: 0 });
    const child = world.host.last;
    child.holdsPipes = true;
    child.stdout.write('kept');
    child.exitWith(0);
    expect(await lineOf(process)).toBe('stdout:kept exited:0:exited closed');
    expect((await process.snapshot()).output_incomplete).toBe(true);
  });
});

describe('signals', () => {
  test('go to the group, or to the leader alone', async () => {
    const world = worldOf();
    const process = await start(world);
    const child = world.host.last;
    child.ignored.add('SIGUSR1').add('SIGHUP').add('SIGRTMIN+6');
    await process.signal({ signal: 'SIGUSR1' });
    await process.signal({ signal: 'SIGHUP', scope: 'process' });
    await process.signal({ signal: 'SIGRTMIN+6', scope: 'group' });
    expect(child.signals).toEqual(['-SIGUSR1', 'SIGHUP', '-SIGRTMIN+6']);
  });

  test('of another host are refused', async () => {
    const world = worldOf();
    const process = await start(world);
    const refused = new ProcessionError('invalid_request', 'SIGNOPE is not a signal of this host', {
      errors: [{ pointer: '/signal', detail: 'must be a signal of this host' }],
    });
    await expect(process.signal({ signal: 'SIGNOPE' })).rejects.toEqual(refused);
    await expect(process.terminate({ signal: 'SIGNOPE' })).rejects.toEqual(refused);
    world.host.last.exitWith(0);
    expect(await lineOf(process)).toBe('exited:0:exited closed');
  });

  test.each(['is not reaped yet', 'is reaped'])('to a child that is gone and %s', async (when) => {
    const world = worldOf();
    const process = await start(world);
    const child = world.host.last;
    if (when === 'is reaped') {
      child.holdsPipes = true;
      child.exitWith(0);
      await process.read({ wait_ms: longMs });
    } else child.isGone = true;
    await expect(process.signal({ signal: 'SIGINT' })).rejects.toEqual(
      new ProcessionError('process_exited', 'process p has exited'),
    );
    expect(child.signals).toEqual([]);
  });
});

describe('draining', () => {
  test('refuses new starts and still knows the old ones', async () => {
    const world = worldOf();
    const { backend, host } = world;
    await start(world);
    const draining = backend.drain({ graceMs: 1000 });
    expect(backend.isDraining).toBe(true);
    await expect(start(world, { process_id: 'q' })).rejects.toEqual(
      new ProcessionError('draining', 'the service shuts down and starts nothing'),
    );
    expect((await backend.start({ argv: ['prog'], process_id: 'p' })).replayed).toBe(true);
    await draining;
    expect([host.children.length, backend.runningCount]).toEqual([1, 0]);
  });

  test('ends streams and long polls at once, also while a start hangs', async () => {
    const world = worldOf();
    const { backend, host } = world;
    const process = await start(world);
    const subscription = await process.subscribeEvents({ after_seq: 0, from: 'replay' });
    if (subscription.kind !== 'stream') throw new Error(subscription.kind);
    const waiting = Promise.all([
      subscription.stream.next(longMs),
      process.read({ wait_ms: longMs }),
    ]);
    const gate = Promise.withResolvers<undefined>();
    host.before = () => gate.promise;
    const starting = backend.start({ argv: ['prog'], process_id: 'q' });
    await microtasks();
    const draining = backend.drain({ graceMs: 1000 });
    const [events, page] = await waiting;
    expect([events, page.next_seq]).toEqual([[{ type: 'draining' }], 1]);
    gate.resolve(undefined);
    await starting;
    await draining;
  });

  test('ends a process whose start was under way', async () => {
    const world = worldOf();
    const { backend, host } = world;
    const gate = Promise.withResolvers<undefined>();
    host.before = () => gate.promise;
    const starting = backend.start({ argv: ['prog'], process_id: 'p' });
    await microtasks();
    const draining = backend.drain({ graceMs: 1000 });
    gate.resolve(undefined);
    const { process } = await starting;
    await draining;
    expect(await process.snapshot()).toMatchObject({
      state: 'closed',
      exit_reason: 'server_shutdown',
    });
  });

  test('waits for nobody when nothing runs', async () => {
    const { backend } = worldOf();
    await backend.drain({ graceMs: 60_000 });
    expect(backend.runningCount).toBe(0);
  });
});

test('what is committed and what is evicted is observed', async () => {
  const { MemoryEngine } = await import('../replica/memory-engine.ts');
  const world = worldOf({}, new MemoryEngine({ retainedBytesMax: 4 }));
  const process = await start(world);
  const child = world.host.last;
  for (const [index, text] of ['aaa', 'bbb', 'c'].entries()) {
    child.stdout.write(text);
    await process.read({ after_seq: index, wait_ms: longMs });
  }
  child.exitWith(0);
  await lineOf(process);
  expect(world.observed.filter(([name]) => name === 'evicted')).toEqual([['evicted', 3]]);
  const outputs = world.observed.filter(([name]) => name === 'output');
  expect(outputs.slice(0, 3)).toEqual([
    ['output', 3, 1],
    ['output', 3, 1],
    ['output', 1, 1],
  ]);
});

test('an append that the engine refuses is logged and repeated', async () => {
  const world = worldOf();
  const process = await start(world);
  const err = new Error('disk full');
  let left = 1;
  world.engine.before = (operation) =>
    operation === 'append' && left-- > 0 ? Promise.reject(err) : undefined;
  world.host.last.stdout.write('a');
  world.host.last.exitWith(0);
  expect(await lineOf(process)).toBe('stdout:a exited:0:exited closed');
  expect(world.logged).toContainEqual([
    'error',
    'append refused, will be repeated',
    { process_id: 'p', err },
  ]);
});
