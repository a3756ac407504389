import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WakeList } from '../../../src/log/wake-list.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('everyone who waits is woken, and its timer is gone', async () => {
  const list = new WakeList();
  const waits = [list.wait(1000), list.wait(2000)];
  expect(list.size).toBe(2);
  list.wakeAll();
  expect([list.size, vi.getTimerCount()]).toEqual([0, 0]);
  expect(await Promise.all(waits.map(({ promise }) => promise))).toEqual([true, true]);
});

test('a wait ends at its deadline and not before', async () => {
  const list = new WakeList();
  const { promise } = list.wait(1000);
  vi.advanceTimersByTime(999);
  expect(list.size).toBe(1);
  vi.advanceTimersByTime(1);
  expect(list.size).toBe(0);
  expect(await promise).toBe(false);
});

test('one wait is woken alone', async () => {
  const list = new WakeList();
  const first = list.wait(1000);
  const second = list.wait(1000);
  first.wake();
  expect(await first.promise).toBe(true);
  expect(list.size).toBe(1);
  vi.advanceTimersByTime(1000);
  expect(await second.promise).toBe(false);
});

test('a wake before the wait is not remembered', async () => {
  const list = new WakeList();
  list.wakeAll();
  const { promise } = list.wait(10);
  vi.advanceTimersByTime(10);
  expect(await promise).toBe(false);
});

test('a wait that ended is not changed by a later wake', async () => {
  const list = new WakeList();
  const { promise, wake } = list.wait(10);
  vi.advanceTimersByTime(10);
  wake();
  list.wakeAll();
  expect(await promise).toBe(false);
});

test('the longest wait does not end at once', () => {
  const list = new WakeList();
  void list.wait(2_147_483_647);
  vi.advanceTimersByTime(86_400_000);
  expect(list.size).toBe(1);
});

test('who waits again inside a wake waits for the next one', async () => {
  const list = new WakeList();
  let wakes = 0;
  const again = async (): Promise<void> => {
    while (await list.wait(1000).promise) wakes += 1;
  };
  const done = again();
  for (let round = 1; round <= 3; round += 1) {
    list.wakeAll();
    await Promise.resolve();
    await Promise.resolve();
    expect([wakes, list.size]).toEqual([round, 1]);
  }
  vi.advanceTimersByTime(1000);
  await done;
  expect(wakes).toBe(3);
});
