import { describe, expect, test } from 'vitest';
import type { LocalProcess } from '../../../src/backend/local-process.ts';
import { running } from '../../../src/log/lifecycle.ts';
import { emptyHead } from '../../../src/engine/engine.ts';
import { ProcessionError } from '../../../src/errors.ts';
import { microtasks } from '../replica/fixtures.ts';
import type { World } from './fixtures.ts';
import { lineOf, longMs, start, startOfTime, worldOf } from './fixtures.ts';

const conflict = new ProcessionError(
  'process_id_conflict',
  'process p was started by a different request',
);

/** Holds starts up until the test lets them go on. */
function holdSpawns({ host }: World): PromiseWithResolvers<undefined> {
  const gate = Promise.withResolvers<undefined>();
  host.before = () => gate.promise;
  return gate;
}

test('a start is spawned, recorded and answered', async () => {
  const world = worldOf();
  const { backend, host, engine, observed, logged } = world;
  const { process, replayed } = await backend.start({
    argv: ['prog', 'x'],
    arg0: 'zero',
    process_id: 'p',
    cwd: '/tmp',
    env: { A: '1' },
    pipe_stdin: true,
    labels: { l: 'v' },
    grace_ms: 1,
    retention_ms: 2,
  });
  expect([replayed, process.process_id]).toEqual([false, 'p']);
  const { record } = await backend.get('p');
  expect(host.last.request).toEqual({
    argv: ['prog', 'x'],
    arg0: 'zero',
    cwd: '/tmp',
    env: { PATH: '/bin', A: '1', PROCESS_TREE_ID: record.incarnation },
    pipeStdin: true,
    terminal: null,
  });
  const { incarnation, fingerprint } = record;
  expect([incarnation, fingerprint]).toEqual([
    expect.stringMatching(/^[0-9a-f]{32}$/),
    expect.stringMatching(/^[0-9a-f]{64}$/),
  ]);
  expect(engine.stored(record)).toMatchObject({ record, lifecycle: running, head: emptyHead });
  expect(record).toEqual({
    process_id: 'p',
    incarnation,
    fingerprint,
    argv: ['prog', 'x'],
    cwd: '/tmp',
    tty: false,
    size: null,
    pipe_stdin: true,
    labels: { l: 'v' },
    pid: host.last.pid,
    start_ticks: record.start_ticks,
    boot_id: record.boot_id,
    cgroup: record.cgroup,
    owner: 'replica-1',
    started_at: startOfTime,
    retention_ms: 2,
    grace_ms: 1,
  });
  expect(observed).toEqual([['started', 'number']]);
  expect(logged).toEqual([['info', 'process started', { process_id: 'p', pid: host.last.pid }]]);
});

test('what a request does not say is the default', async () => {
  const world = worldOf();
  const { process } = await world.backend.start({ argv: ['prog'] });
  expect(process.process_id).toMatch(/^018bcfe5-6800-7/);
  const { record } = await world.backend.get(process.process_id);
  const { cwd, pipe_stdin, labels, grace_ms, retention_ms } = record;
  expect({ cwd, pipe_stdin, labels, grace_ms, retention_ms }).toEqual({
    cwd: '/srv',
    pipe_stdin: false,
    labels: {},
    grace_ms: 5000,
    retention_ms: 600_000,
  });
  expect(world.host.last.request).toMatchObject({ arg0: undefined, pipeStdin: false });
});

describe('the same request again', () => {
  const params = { argv: ['prog'], process_id: 'p', labels: { a: '1', b: '2' } };
  const reordered = { labels: { b: '2', a: '1' }, process_id: 'p', argv: ['prog'] };

  test('at the same time starts one child, and one answer is the first', async () => {
    const world = worldOf();
    const { backend, host } = world;
    const gate = holdSpawns(world);
    const racing = Array.from({ length: 20 }, (_, index) =>
      backend.start(index % 2 === 0 ? params : reordered),
    );
    await microtasks();
    racing.push(backend.start(params));
    gate.resolve(undefined);
    const results = await Promise.all(racing);
    expect(host.children.length).toBe(1);
    expect(results.filter(({ replayed }) => !replayed).length).toBe(1);
    expect(new Set(results.map(({ process }) => process)).size).toBe(1);
  });

  test('later finds the live process', async () => {
    const { backend, host } = worldOf();
    const { process } = await backend.start(params);
    expect(await backend.start(reordered)).toEqual({ process, replayed: true });
    expect(host.children.length).toBe(1);
  });

  test('finds a process that is over, with its log', async () => {
    const { backend, host } = worldOf();
    await backend.start(params);
    host.last.stdout.write('hi');
    host.last.exitWith(0);
    await lineOf(await backend.get('p'));
    await microtasks();
    const { process, replayed } = await backend.start(params);
    expect([replayed, host.children.length]).toEqual([true, 1]);
    expect(await lineOf(process)).toBe('stdout:hi exited:0:exited closed');
  });

  test('of a removed process is expired', async () => {
    const world = worldOf();
    const { backend, host } = world;
    const process = await start(world);
    host.last.exitWith(0);
    await lineOf(process);
    await backend.remove('p');
    await expect(backend.start({ argv: ['prog'], process_id: 'p' })).rejects.toEqual(
      new ProcessionError('process_expired', 'process p was removed'),
    );
    expect(host.children.length).toBe(1);
  });
});

describe('a different request for the same id', () => {
  test('conflicts with the process that has it', async () => {
    const { backend, host } = worldOf();
    await backend.start({ argv: ['prog'], process_id: 'p' });
    await expect(backend.start({ argv: ['other'], process_id: 'p' })).rejects.toEqual(conflict);
    host.last.exitWith(0);
    await lineOf(await backend.get('p'));
    await expect(backend.start({ argv: ['other'], process_id: 'p' })).rejects.toEqual(conflict);
  });

  test('conflicts with the start that is under way', async () => {
    const world = worldOf();
    const { backend, host } = world;
    const gate = holdSpawns(world);
    const first = backend.start({ argv: ['prog'], process_id: 'p' });
    await expect(backend.start({ argv: ['other'], process_id: 'p' })).rejects.toEqual(conflict);
    gate.resolve(undefined);
    expect((await first).replayed).toBe(false);
    expect(host.children.length).toBe(1);
  });
});

describe('a start that fails', () => {
  const notFound = new ProcessionError('command_not_found', 'there is no prog');

  test('fails for everyone who asked for it, and frees the id', async () => {
    const { backend, host, engine, observed } = worldOf();
    host.before = () => Promise.reject(notFound);
    const racing = [1, 2, 3].map(() => backend.start({ argv: ['prog'], process_id: 'p' }));
    const results = await Promise.allSettled(racing);
    expect(results).toEqual(results.map(() => ({ status: 'rejected', reason: notFound })));
    expect(observed).toEqual([['startFailed', 'command_not_found']]);
    expect([engine.count('create'), backend.runningCount]).toEqual([0, 0]);
    await expect(backend.get('p')).rejects.toEqual(
      new ProcessionError('process_not_found', 'there is no process p'),
    );
    host.before = () => undefined;
    const { replayed } = await backend.start({ argv: ['other'], process_id: 'p' });
    expect(replayed).toBe(false);
  });

  test('by a mistake of ours is an internal error for the observer', async () => {
    const { backend, host, observed } = worldOf();
    const mistake = new TypeError('oops');
    host.before = () => Promise.reject(mistake);
    await expect(backend.start({ argv: ['prog'] })).rejects.toBe(mistake);
    expect(observed).toEqual([['startFailed', 'internal_error']]);
  });

  test('because it cannot be recorded leaves no child', async () => {
    const { backend, host, engine } = worldOf();
    const cause = new Error('disk full');
    engine.before = (operation) => operation === 'create' && Promise.reject(cause);
    const starting = backend.start({ argv: ['prog'], process_id: 'p', pipe_stdin: true });
    await expect(starting).rejects.toEqual(
      new ProcessionError('store_failing', 'the start could not be recorded', { cause }),
    );
    const { signals, isGone, stdin, stdout, stderr } = host.last;
    expect([signals.includes('-SIGKILL'), isGone]).toEqual([true, true]);
    expect([stdin, stdout, stderr].map((stream) => stream?.destroyed)).toEqual([true, true, true]);
    await expect(backend.get('p')).rejects.toMatchObject({ code: 'process_not_found' });
    expect(engine.count('release')).toBe(1);
  });

  test('because the store has no room spawns nothing', async () => {
    const { backend, host, engine } = worldOf();
    const cause = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    engine.before = (operation) => operation === 'reserve' && Promise.reject(cause);
    const start = (): Promise<unknown> => backend.start({ argv: ['prog'], process_id: 'p' });
    await expect(start()).rejects.toMatchObject({ code: 'store_full', cause });
    engine.before = () => undefined;
    // Until the store has been asked again.
    await expect(start()).rejects.toMatchObject({ code: 'store_full', cause });
    expect([host.children.length, backend.isDegraded]).toEqual([0, true]);
  });

  test('because the store cannot be asked frees the id', async () => {
    const { backend, engine, host } = worldOf();
    const trouble = new Error('no store');
    engine.before = () => Promise.reject(trouble);
    await expect(backend.start({ argv: ['prog'], process_id: 'p' })).rejects.toBe(trouble);
    engine.before = () => undefined;
    await backend.start({ argv: ['prog'], process_id: 'p' });
    expect(host.children.length).toBe(1);
  });

  test.each([
    [{ size: { rows: 1, cols: 1 } }, 'invalid_request', 'size is for terminals (tty) only'],
    [
      { limits: { open_files: 5 } },
      'unsupported',
      'limits.open_files needs a host that tells its limits in /proc',
    ],
    [
      { user: { uid: 1, gid: 2 } },
      'unsupported',
      'user can be changed by root only, and commands run as -1:-1',
    ],
    [{ nice: 1 }, 'unsupported', 'nice needs nice, which is neither in /usr/bin nor in /bin'],
    [{ umask: '022' }, 'unsupported', 'umask needs sh, which is neither in /usr/bin nor in /bin'],
  ] as const)('because of %j starts nothing', async (members, code, detail) => {
    const { backend, host } = worldOf();
    await expect(backend.start({ argv: ['prog'], ...members })).rejects.toMatchObject({
      code,
      message: detail,
    });
    expect(host.children).toEqual([]);
  });
});

describe('at most 3 processes', () => {
  const full = new ProcessionError(
    'processes_max_reached',
    '3 processes are running, which is the most',
  );

  test('the third may be started and the fourth not, until one exits', async () => {
    const world = worldOf({ processesMax: 3 });
    const { backend, host } = world;
    for (const process_id of ['a', 'b', 'c']) await start(world, { process_id });
    expect(backend.runningCount).toBe(3);
    await expect(start(world, { process_id: 'd' })).rejects.toEqual(full);
    await start(world, { process_id: 'a' });
    host.last.holdsPipes = true;
    host.last.exitWith(0);
    await microtasks();
    expect(backend.runningCount).toBe(2);
    await start(world, { process_id: 'd' });
    await expect(start(world, { process_id: 'e' })).rejects.toEqual(full);
  });

  test('those that are being started count', async () => {
    const world = worldOf({ processesMax: 3 });
    const { backend, host } = world;
    const gate = holdSpawns(world);
    const starting = ['a', 'b', 'c', 'd', 'e'].map((process_id) => start(world, { process_id }));
    const settled = Promise.allSettled(starting);
    await microtasks();
    expect(backend.runningCount).toBe(3);
    gate.resolve(undefined);
    const results = await settled;
    expect(results.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'fulfilled', 'fulfilled'],
      ...['rejected', 'rejected'],
    ]);
    expect(host.children.length).toBe(3);
  });

  test('a start counts once, also in the moment when it becomes a process', async () => {
    const world = worldOf({ processesMax: 3 });
    const { backend } = world;
    const counts: number[] = [];
    const starting = start(world);
    for (let turn = 0; turn < 30; turn += 1) {
      await Promise.resolve();
      counts.push(backend.runningCount);
    }
    await starting;
    expect([Math.max(...counts), counts.at(-1)]).toEqual([1, 1]);
  });

  test('the repeat of a start does not count', async () => {
    const world = worldOf({ processesMax: 1 });
    const { backend, engine, host } = world;
    const process = await start(world);
    host.last.exitWith(0);
    await lineOf(process);
    await microtasks();
    const gate = Promise.withResolvers<undefined>();
    engine.after = (operation) => operation === 'find' && gate.promise;
    const repeat = backend.start({ argv: ['prog'], process_id: 'p' });
    engine.after = () => undefined;
    expect((await backend.start({ argv: ['prog'], process_id: 'q' })).replayed).toBe(false);
    gate.resolve(undefined);
    expect((await repeat).replayed).toBe(true);
  });
});

test('a process that is looked up between its record and its answer is the live one', async () => {
  const { backend, engine, host } = worldOf();
  const found: Promise<LocalProcess>[] = [];
  engine.after = async (operation) => {
    if (operation !== 'create') return;
    found.push(backend.get('p'));
    await microtasks();
  };
  const { process } = await backend.start({ argv: ['prog'], process_id: 'p' });
  expect(await Promise.all(found)).toEqual([process]);
  expect(await found[0]).toBe(process);
  const reading = process.read({ wait_ms: longMs });
  host.last.stdout.write('hi');
  expect((await reading).chunks.length).toBe(1);
});
