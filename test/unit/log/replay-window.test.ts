import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ReplayBounds } from '../../../src/log/replay-window.ts';
import { ReplayWindow } from '../../../src/log/replay-window.ts';

function firstSeqAfter(bounds: ReplayBounds, sizes: readonly number[]): number {
  const window = new ReplayWindow(bounds);
  for (const size of sizes) window.push(size);
  return window.firstSeq;
}

/** From the newest event back as long as both bounds hold. */
function naiveFirstSeq({ eventsMax, bytesMax }: ReplayBounds, sizes: readonly number[]): number {
  let first = sizes.length;
  let bytes = sizes.at(-1) ?? 0;
  while (first > 1) {
    bytes += sizes[first - 2] ?? 0;
    if (bytes > bytesMax || sizes.length - first + 2 > eventsMax) break;
    first -= 1;
  }
  return Math.max(1, first);
}

test('the first seq of an empty log is one past it', () => {
  expect(new ReplayWindow({ eventsMax: 4, bytesMax: 10 }).firstSeq).toBe(1);
  expect(new ReplayWindow({ eventsMax: 4, bytesMax: 10 }, 8).firstSeq).toBe(8);
});

test.each([
  [3, 1],
  [4, 1],
  [5, 2],
])('of %i events the replay of 4 begins with %i', (events, first) => {
  const sizes = Array.from({ length: events }, () => 1);
  expect(firstSeqAfter({ eventsMax: 4, bytesMax: 1000 }, sizes)).toBe(first);
});

test.each([
  [[5, 4], 1],
  [[5, 5], 1],
  [[5, 6], 2],
])('sizes %j in a replay of 10 bytes begin with %i', (sizes, first) => {
  expect(firstSeqAfter({ eventsMax: 1000, bytesMax: 10 }, sizes)).toBe(first);
});

test('an event larger than the bound is alone in the replay', () => {
  expect(firstSeqAfter({ eventsMax: 4, bytesMax: 10 }, [1, 1, 11])).toBe(3);
  expect(firstSeqAfter({ eventsMax: 4, bytesMax: 10 }, [1, 1, 11, 1])).toBe(4);
});

test('events without output stay beside an event that fills the bound', () => {
  expect(firstSeqAfter({ eventsMax: 4, bytesMax: 10 }, [10, 0, 0])).toBe(1);
});

test('bounds of one event leave the newest', () => {
  expect(firstSeqAfter({ eventsMax: 1, bytesMax: 1 }, [1, 1, 0])).toBe(3);
});

test('a window that opens at a later seq counts from there', () => {
  const window = new ReplayWindow({ eventsMax: 2, bytesMax: 100 }, 41);
  for (const size of [1, 1, 1]) window.push(size);
  expect(window.firstSeq).toBe(42);
});

test('the window agrees with a look at the whole log, at every length', () => {
  const bounds = fc.record({
    eventsMax: fc.integer({ min: 1, max: 20 }),
    bytesMax: fc.integer({ min: 1, max: 60 }),
  });
  const lengths = fc.array(fc.integer({ min: 0, max: 80 }), { maxLength: 60 });
  fc.assert(
    fc.property(bounds, lengths, (bound, sizes) => {
      const window = new ReplayWindow(bound);
      const firsts = sizes.map((size) => {
        window.push(size);
        return window.firstSeq;
      });
      expect(firsts).toEqual(sizes.map((_, at) => naiveFirstSeq(bound, sizes.slice(0, at + 1))));
    }),
  );
});

test('the window still agrees after many thousand evictions', () => {
  const bounds = { eventsMax: 1500, bytesMax: 3000 };
  const window = new ReplayWindow(bounds);
  const sizes: number[] = [];
  for (let seq = 1; seq <= 20_000; seq += 1) {
    sizes.push((seq * 7) % 5);
    window.push((seq * 7) % 5);
    if (seq % 997 === 0) expect(window.firstSeq).toBe(naiveFirstSeq(bounds, sizes));
  }
  expect(window.firstSeq).toBe(naiveFirstSeq(bounds, sizes));
});
