import { afterEach, describe, expect, test, vi } from 'vitest';
import { longMs, start, worldOf } from './fixtures.ts';
import { microtasks } from '../replica/fixtures.ts';

const full = Object.assign(new Error('no space left'), { code: 'ENOSPC' });

/** Lets time pass, and between its steps what waits for the host, until a promise is settled. */
async function settle(promise: Promise<unknown>): Promise<void> {
  const state = { isSettled: false };
  const done = (): void => {
    state.isSettled = true;
  };
  promise.then(done, done);
  while (!state.isSettled) {
    await vi.advanceTimersByTimeAsync(50);
    await microtasks();
  }
}

afterEach(() => {
  vi.useRealTimers();
});

describe('a store that refuses a start', () => {
  test.each([
    [full, 'store_full'],
    [Object.assign(new Error('database or disk is full'), { errcode: 13 }), 'store_full'],
    [Object.assign(new Error('quota'), { code: 'EDQUOT' }), 'store_full'],
    [Object.assign(new Error('i/o error'), { code: 'EIO' }), 'store_failing'],
    [new Error('something else'), 'store_failing'],
    [new Error('no code', { cause: 1 }), 'store_failing'],
  ])(
    'for %s answers 507 %s, spawns nothing, and is asked again each second',
    async (error, code) => {
      vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
      const { backend, engine, host, logged } = worldOf();
      engine.before = () => Promise.reject(error);
      const starting = (): Promise<unknown> => backend.start({ argv: ['prog'] });
      await expect(starting()).rejects.toMatchObject({ code });
      await vi.advanceTimersByTimeAsync(1000);
      expect([engine.count('probe'), backend.isDegraded]).toEqual([1, true]);
      engine.before = () => undefined;
      await expect(starting()).rejects.toMatchObject({ code });
      await vi.advanceTimersByTimeAsync(1000);
      expect([engine.count('probe'), backend.isDegraded]).toEqual([2, false]);
      await starting();
      expect(host.children.length).toBe(1);
      await vi.advanceTimersByTimeAsync(5000);
      expect(engine.count('probe')).toBe(2);
      const said = logged.map(([, message]) => message);
      expect(said.filter((message) => message !== 'expired processes were not found')).toEqual([
        'starts refused by the store',
        'starts accepted again',
        'process started',
      ]);
    },
  );
});

describe('a store that refuses an append', () => {
  test('refuses starts until it takes it, and says so once each', async () => {
    const world = worldOf();
    const { backend, engine, host, logged } = world;
    const process = await start(world);
    engine.before = (operation) => operation === 'append' && Promise.reject(full);
    host.last.stdout.write('x');
    await vi.waitUntil(() => engine.count('append') >= 3, { timeout: 10_000 });
    expect(backend.isDegraded).toBe(true);
    await expect(backend.start({ argv: ['prog'] })).rejects.toMatchObject({ code: 'store_full' });
    engine.before = () => undefined;
    expect((await process.read({ wait_ms: longMs })).chunks.length).toBe(1);
    expect(backend.isDegraded).toBe(false);
    await backend.start({ argv: ['prog'] });
    expect(logged.map(([, message]) => message)).toEqual([
      'process started',
      'append refused, will be repeated',
      'append accepted again',
      'process started',
    ]);
  });

  test('ends the process if that is the policy, once', async () => {
    const world = worldOf({ onStoreError: 'terminate' });
    const { engine, host } = world;
    const process = await start(world);
    engine.before = (operation) => operation === 'append' && Promise.reject(full);
    host.last.stdout.write('x');
    await vi.waitUntil(() => engine.count('append') >= 3, { timeout: 10_000 });
    expect(host.last.signals).toEqual(['-SIGTERM']);
    engine.before = () => undefined;
    await vi.waitUntil(async () => (await process.snapshot()).state === 'closed', {
      timeout: 10_000,
    });
    expect(await process.snapshot()).toMatchObject({ exit_reason: 'terminated' });
  });

  test('lets a forced removal answer that the end is not stored', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const world = worldOf();
    const { backend, engine, host } = world;
    await start(world);
    engine.before = (operation) => operation === 'append' && Promise.reject(full);
    const removing = backend.remove('p', { force: true });
    const refused = expect(removing).rejects.toMatchObject({ code: 'store_unavailable' });
    await settle(removing);
    await refused;
    expect(host.last.isGone).toBe(true);
    engine.before = () => undefined;
    await vi.waitUntil(() => !backend.isDegraded, { timeout: 10_000 });
    await backend.remove('p', { force: true });
  });

  test('does not keep the service from stopping', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const world = worldOf();
    const { backend, engine, logged } = world;
    await start(world);
    engine.before = (operation) => operation === 'append' && Promise.reject(full);
    const draining = backend.drain({ graceMs: 100 });
    await settle(draining);
    expect(logged.at(-1)).toEqual(['error', 'log not closed at the stop', { process_id: 'p' }]);
  });
});
