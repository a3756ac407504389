import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { emptyHead } from '../../../src/engine/engine.ts';
import { ProcessionError } from '../../../src/errors.ts';
import type { LogEvent } from '../../../src/log/event.ts';
import { running } from '../../../src/log/lifecycle.ts';
import {
  closedEvent,
  closedState,
  exitedEvent,
  exitedState,
  failedState,
  output,
  outputs,
  replicaOf,
  success,
} from './fixtures.ts';
import { Hub } from '../../../src/replica/hub.ts';
import { bytesOf, MemoryEngine } from './memory-engine.ts';

test('a hub says what it started from until something is published', async () => {
  const { hub } = await replicaOf();
  expect([hub.head, hub.lifecycle, hub.endSeq, hub.isDraining, hub.failure()]).toEqual([
    emptyHead,
    running,
    0,
    false,
    null,
  ]);
});

test('the end of every cursor is the newest seq, and one more after a failure', async () => {
  const { hub, append, publishState } = await replicaOf();
  await append(outputs(1, 3));
  expect(hub.endSeq).toBe(3);
  await append([exitedEvent(4)], exitedState(4));
  await append([closedEvent(5)], closedState(5));
  expect(hub.endSeq).toBe(5);
  publishState(failedState());
  expect(hub.endSeq).toBe(6);
});

test('a cursor past the end is ahead, and is told where the end is', async () => {
  const { hub, append, publishState } = await replicaOf();
  await append(outputs(1, 3));
  const ahead = (cursor: number): ProcessionError =>
    new ProcessionError('cursor_ahead', `the cursor is ${cursor}, the newest seq is 3`, {
      head_seq: 3,
      next_seq: 4,
    });
  hub.checkCursor(0);
  hub.checkCursor(3);
  expect(() => {
    hub.checkCursor(4);
  }).toThrow(ahead(4));
  publishState(failedState());
  hub.checkCursor(4);
  expect(() => {
    hub.checkCursor(5);
  }).toThrow(ahead(5));
});

test('a failure names the last seq and repeats the exit that is known', async () => {
  const { hub, append, publishState } = await replicaOf();
  await append(outputs(1, 2));
  publishState(failedState());
  const failed = {
    type: 'failed',
    last_seq: 2,
    message: 'the owner is gone',
    failure_reason: 'owner_lost',
  };
  expect(hub.failure()).toEqual({ ...failed, exit_code: null, signal: null, exit_reason: null });
  publishState(failedState(exitedState(2)));
  expect(hub.failure()).toEqual({ ...failed, ...success });
});

test('publishing and nudging wake whoever waits', async () => {
  const { hub, publishState } = await replicaOf();
  const nudged = hub.wait(60_000);
  hub.nudge();
  expect(await nudged.promise).toBe(true);
  const published = hub.wait(60_000);
  publishState(running);
  expect(await published.promise).toBe(true);
  expect(await hub.wait(1).promise).toBe(false);
});

test('draining is what the signal says', async () => {
  const { hub, draining } = await replicaOf();
  draining.abort();
  expect(hub.isDraining).toBe(true);
});

describe('recent batches', () => {
  test('are not kept without a follower', async () => {
    const { hub, append } = await replicaOf();
    await append(outputs(1, 2));
    expect(hub.recent(0)).toBeUndefined();
    hub.follow();
    expect(hub.recent(0)).toBeUndefined();
  });

  test('are given from the cursor on', async () => {
    const { hub, append } = await replicaOf();
    await append(outputs(1, 2));
    hub.follow();
    const [second, third] = [outputs(3, 5), outputs(6, 6)];
    await append(second);
    await append(third);
    expect(hub.recent(1)).toBeUndefined();
    expect(hub.recent(2)).toBe(second);
    expect(hub.recent(3)).toEqual(outputs(4, 5));
    expect(hub.recent(4)).toEqual(outputs(5, 5));
    expect(hub.recent(5)).toBe(third);
  });

  test('are the same array for everyone at the same place', async () => {
    const { hub, append } = await replicaOf();
    hub.follow();
    hub.follow();
    await append(outputs(1, 3));
    expect(hub.recent(0)).toBe(hub.recent(0));
  });

  test('go with the last follower and not before', async () => {
    const { hub, append } = await replicaOf();
    hub.follow();
    hub.follow();
    await append(outputs(1, 3));
    hub.unfollow();
    expect(hub.recent(0)).toEqual(outputs(1, 3));
    hub.unfollow();
    expect(hub.recent(0)).toBeUndefined();
  });

  test('of a new follower do not include what came before it', async () => {
    const { hub, append } = await replicaOf();
    hub.follow();
    await append(outputs(1, 3));
    hub.unfollow();
    await append(outputs(4, 4));
    hub.follow();
    await append(outputs(5, 5));
    expect(hub.recent(3)).toBeUndefined();
    expect(hub.recent(4)).toEqual(outputs(5, 5));
  });

  test('of a new follower have the whole bound for themselves', async () => {
    const { hub, append } = await replicaOf();
    hub.follow();
    await append([output(1, 1000)]);
    hub.unfollow();
    hub.follow();
    await append([output(2, 500)]);
    await append([output(3, 500)]);
    expect(hub.recent(1)).toEqual([output(2, 500)]);
  });

  test('a publication without events leaves them alone', async () => {
    const { hub, append, publishState } = await replicaOf();
    hub.follow();
    await append(outputs(1, 1));
    publishState(failedState());
    expect(hub.recent(0)).toEqual(outputs(1, 1));
  });

  test.each([
    { sizes: [500, 523], first: 1 },
    { sizes: [500, 524], first: 1 },
    { sizes: [500, 525], first: 2 },
    { sizes: [1, 2000], first: 2 },
    { sizes: [2000, 1], first: 2 },
    { sizes: [400, 400, 400], first: 2 },
  ])('of sizes $sizes within 1024 bytes begin with $first', async ({ sizes, first }) => {
    const { hub, append } = await replicaOf();
    hub.follow();
    for (const [index, size] of sizes.entries()) await append([output(index + 1, size)]);
    const kept = sizes.map((_, index) => hub.recent(index) !== undefined);
    expect(kept).toEqual(sizes.map((_, index) => index + 1 >= first));
  });

  test.each([
    [255, 0],
    [256, 0],
    [257, 1],
  ])('%i batches without output leave %i out', async (batches, dropped) => {
    const { hub, append } = await replicaOf();
    hub.follow();
    for (let seq = 1; seq <= batches; seq += 1) await append([output(seq, 0)]);
    expect(hub.recent(dropped)).toEqual([output(dropped + 1, 0)]);
    if (dropped > 0) expect(hub.recent(dropped - 1)).toBeUndefined();
  });

  test.each([
    [64 * 1024 - 1, true],
    [64 * 1024, false],
  ])('of %i bytes are kept: %s; one that is not leaves none before it', async (size, isKept) => {
    const { hub, append } = await replicaOf(new MemoryEngine(), { ringBytesMax: 1024 * 1024 });
    hub.follow();
    await append(outputs(1, 1));
    const events = [output(2, size - 1), output(3)];
    expect(hub.publish(events, { ...hub.head, last_seq: 3 }, running)).toBe(isKept);
    expect(hub.recent(1)).toBe(isKept ? events : undefined);
    expect(hub.recent(0)).toEqual(isKept ? outputs(1, 1) : undefined);
    expect(hub.publish(outputs(4, 4), { ...hub.head, last_seq: 4 }, running)).toBe(true);
    expect(hub.recent(3)).toEqual(outputs(4, 4));
  });

  test('are not kept when nobody follows, or there is nothing', async () => {
    const { hub } = await replicaOf();
    expect(hub.publish(outputs(1, 1), { ...emptyHead, last_seq: 1 }, running)).toBe(false);
    hub.follow();
    expect(hub.publish([], { ...emptyHead, last_seq: 1 }, running)).toBe(false);
  });

  test('are a dense end of the log within the bound, whatever their sizes', async () => {
    const batches = fc.array(fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1 }), {
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(batches, async (sizes) => {
        const { hub, append } = await replicaOf();
        hub.follow();
        const all: LogEvent[] = [];
        for (const batch of sizes) {
          const events = batch.map((size, index) => output(all.length + index + 1, size));
          all.push(...events);
          await append(events);
          const inMemory = all.filter(({ seq }) => hub.recent(seq - 1) !== undefined);
          expect(inMemory).toEqual(all.slice(all.length - inMemory.length));
          expect(inMemory.length).toBeGreaterThanOrEqual(events.length);
          expect(inMemory.length === events.length || bytesOf(inMemory) <= 1024).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });
});

test('an eviction between two appends moves the beginning of the log, not its end', () => {
  const hub = new Hub({
    head: { ...emptyHead, last_seq: 9, retained_bytes: 90 },
    lifecycle: running,
    read: () => Promise.reject(new Error('nobody reads')),
    ringBytesMax: 1,
    draining: new AbortController().signal,
  });
  hub.evicted({ ...emptyHead, last_seq: 12, first_retained_seq: 4, evicted_bytes: 30 });
  expect(hub.head).toEqual({
    last_seq: 9,
    first_retained_seq: 4,
    first_replay_seq: 4,
    retained_bytes: 60,
    evicted_bytes: 30,
  });
});
