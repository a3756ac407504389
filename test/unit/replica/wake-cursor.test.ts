import { describe, expect, test } from 'vitest';
import { WakeCursor } from '../../../src/replica/wake-cursor.ts';
import {
  closedEvent,
  closedState,
  exitedEvent,
  exitedState,
  failedState,
  microtasks,
  outputs,
  replicaOf,
} from './fixtures.ts';

const longMs = 60_000;
const open = { closed: false, failed: false };

test('the first wake of an empty log has seq 0', async () => {
  const { hub } = await replicaOf();
  const cursor = new WakeCursor(hub, null);
  expect(await cursor.next(longMs)).toEqual({ seq: 0, next_seq: 1, ...open });
  expect(await cursor.next(1)).toBe('idle');
});

test('a slow reader sees only the newest seq', async () => {
  const { hub, append } = await replicaOf();
  const cursor = new WakeCursor(hub, 0);
  for (let seq = 1; seq <= 5; seq += 1) await append(outputs(seq, seq));
  expect(await cursor.next(longMs)).toEqual({ seq: 5, next_seq: 6, ...open });
  expect(await cursor.next(1)).toBe('idle');
});

test('a reader that waits is woken by each change', async () => {
  const { hub, append } = await replicaOf();
  const cursor = new WakeCursor(hub, 0);
  for (let seq = 1; seq <= 3; seq += 1) {
    const next = cursor.next(longMs);
    await append(outputs(seq, seq));
    expect(await next).toEqual({ seq, next_seq: seq + 1, ...open });
  }
});

test('a wake without news is not an answer', async () => {
  const { hub, append } = await replicaOf();
  const cursor = new WakeCursor(hub, 0);
  const next = cursor.next(longMs);
  hub.nudge();
  await microtasks();
  await append(outputs(1, 1));
  expect(await next).toEqual({ seq: 1, next_seq: 2, ...open });
});

test('after the exit a reader waits for the close, which is the last', async () => {
  const { hub, append } = await replicaOf();
  const cursor = new WakeCursor(hub, 0);
  await append([exitedEvent(1)], exitedState(1));
  expect(await cursor.next(longMs)).toEqual({ seq: 1, next_seq: 2, ...open });
  expect(await cursor.next(1)).toBe('idle');
  await append([closedEvent(2)], closedState(2));
  expect(await cursor.next(longMs)).toEqual({ seq: 2, next_seq: 3, closed: true, failed: false });
  expect(await cursor.next(longMs)).toBeNull();
});

test('a failure is one past the log, and is the last', async () => {
  const { hub, append, publishState } = await replicaOf();
  const cursor = new WakeCursor(hub, null);
  await append(outputs(1, 2));
  publishState(failedState());
  const wake = { seq: 3, next_seq: 3, closed: false, failed: true };
  expect(await cursor.next(longMs)).toEqual(wake);
  expect(await cursor.next(longMs)).toBeNull();
});

describe('closing', () => {
  test('ends a call that waits', async () => {
    const { hub } = await replicaOf();
    const cursor = new WakeCursor(hub, 0);
    const next = cursor.next(longMs);
    cursor.close();
    expect(await next).toBeNull();
  });

  test('ends every later call', async () => {
    const { hub, append } = await replicaOf();
    const cursor = new WakeCursor(hub, 0);
    cursor.close();
    await append(outputs(1, 1));
    expect(await cursor.next(longMs)).toBeNull();
  });
});

describe('draining', () => {
  test('ends a call that waits, and the stream', async () => {
    const { hub, draining } = await replicaOf();
    const cursor = new WakeCursor(hub, 0);
    const next = cursor.next(longMs);
    draining.abort();
    hub.nudge();
    expect(await next).toBe('draining');
    expect(await cursor.next(longMs)).toBeNull();
  });

  test('is said before a wake that could be given', async () => {
    const { hub, draining, append } = await replicaOf();
    await append(outputs(1, 1));
    draining.abort();
    expect(await new WakeCursor(hub, 0).next(longMs)).toBe('draining');
  });
});
