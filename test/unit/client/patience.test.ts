import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Patience } from '../../../src/client/patience.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

afterEach(() => {
  vi.useRealTimers();
});

test('a turn ends at its time without a result', async () => {
  const patience = new Patience(new Promise(() => undefined));
  const turn = patience.settles(100);
  await vi.advanceTimersByTimeAsync(100);
  expect(await turn).toBe(false);
});

test('a turn ends with the work and leaves no timer', async () => {
  const work = Promise.withResolvers<string>();
  const patience = new Patience(work.promise);
  const turn = patience.settles(100);
  work.resolve('done');
  expect([await turn, await patience.result, vi.getTimerCount()]).toEqual([true, 'done', 0]);
});

test('work that ends between two turns is known to the next one at once', async () => {
  const work = Promise.withResolvers<string>();
  const patience = new Patience(work.promise);
  const turn = patience.settles(100);
  await vi.advanceTimersByTimeAsync(100);
  expect(await turn).toBe(false);
  work.resolve('done');
  await work.promise;
  expect([await patience.settles(100), vi.getTimerCount()]).toEqual([true, 0]);
});

test('work that fails settles, and rejects only for who asks for its result', async () => {
  const patience = new Patience(Promise.reject(new Error('broken')));
  expect(await patience.settles(100)).toBe(true);
  await expect(patience.result).rejects.toThrow('broken');
});
