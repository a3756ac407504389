import { describe, expect, test, vi } from 'vitest';
import type { StreamEvent } from '../../../src/log/event.ts';
import { allocate } from '../../../src/log/memory.ts';
import { EventCursor } from '../../../src/replica/event-cursor.ts';
import type { Replica } from './fixtures.ts';
import {
  closedEvent,
  closedState,
  exitedEvent,
  exitedState,
  failedState,
  microtasks,
  output,
  outputs,
  replicaOf,
} from './fixtures.ts';
import { MemoryEngine } from './memory-engine.ts';

interface Opened {
  readonly cursor: EventCursor;
  /** The reasons of its ends, one at most. */
  readonly ends: ('lagged' | 'ended')[];
}

function open(
  { hub }: Replica,
  after_seq: number,
  from: 'replay' | 'retained' = 'retained',
): Opened {
  const ends: Opened['ends'] = [];
  const cursor = new EventCursor({
    hub,
    after_seq,
    from,
    pageBytesMax: 3,
    onClose: (reason) => ends.push(reason),
  });
  return { cursor, ends };
}

const longMs = 60_000;

/** Reads until the end. */
async function readAll(cursor: EventCursor): Promise<StreamEvent[]> {
  const seen: StreamEvent[] = [];
  for (;;) {
    const events = await cursor.next(longMs);
    if (events === null) return seen;
    seen.push(...events);
  }
}

test('what was stored before comes in pages, what is appended then comes from memory', async () => {
  const replica = await replicaOf();
  await replica.append(outputs(1, 5));
  const { cursor } = open(replica, 0);
  expect(await cursor.next(longMs)).toEqual(outputs(1, 3));
  expect(await cursor.next(longMs)).toEqual(outputs(4, 5));
  const batch = outputs(6, 20);
  await replica.append(batch);
  expect(await cursor.next(longMs)).toBe(batch);
  expect(replica.engine.count('read')).toBe(2);
});

test('readers at the same place get the same array', async () => {
  const replica = await replicaOf();
  const [first, second] = [open(replica, 0), open(replica, 0, 'replay')];
  const both = Promise.all([first.cursor.next(longMs), second.cursor.next(longMs)]);
  const batch = outputs(1, 2);
  await replica.append(batch);
  const [one, other] = await both;
  expect(one).toBe(batch);
  expect(other).toBe(batch);
});

test('silence is an empty page at the deadline, and the cursor goes on', async () => {
  const replica = await replicaOf();
  const { cursor } = open(replica, 0);
  expect(await cursor.next(1)).toEqual([]);
  await replica.append(outputs(1, 1));
  expect(await cursor.next(longMs)).toEqual(outputs(1, 1));
});

test('a wake without news is not an answer', async () => {
  const replica = await replicaOf();
  const { cursor } = open(replica, 0);
  const next = cursor.next(longMs);
  replica.hub.nudge();
  await microtasks();
  await replica.append(outputs(1, 1));
  expect(await next).toEqual(outputs(1, 1));
});

test('the close is the last event, then there is null', async () => {
  const replica = await replicaOf();
  const { cursor, ends } = open(replica, 0);
  const all = readAll(cursor);
  await replica.append(outputs(1, 1));
  await replica.append([exitedEvent(2)], exitedState(2));
  await replica.append([closedEvent(3)], closedState(3));
  expect(await all).toEqual([output(1), exitedEvent(2), closedEvent(3)]);
  expect(await cursor.next(longMs)).toBeNull();
  expect(ends).toEqual(['ended']);
});

test('a failure comes after everything in the log, then there is null', async () => {
  const replica = await replicaOf();
  const { cursor, ends } = open(replica, 0);
  await replica.append(outputs(1, 2));
  replica.publishState(failedState());
  expect(await readAll(cursor)).toEqual([...outputs(1, 2), replica.hub.failure()]);
  expect(ends).toEqual(['ended']);
});

test('a failure wakes a reader at the head', async () => {
  const replica = await replicaOf();
  const { cursor } = open(replica, 0);
  const next = cursor.next(longMs);
  replica.publishState(failedState());
  expect(await next).toEqual([replica.hub.failure()]);
});

describe('eviction', () => {
  const small = (): MemoryEngine =>
    new MemoryEngine({ retainedBytesMax: 4, replay: { eventsMax: 2, bytesMax: 100 } });

  test('is a gap for a reader of what is retained', async () => {
    const replica = await replicaOf(small());
    await replica.append([output(1, 3), output(2, 2), ...outputs(3, 4)]);
    const { cursor } = open(replica, 0);
    expect(await cursor.next(longMs)).toEqual([
      { type: 'gap', from_seq: 1, to_seq: 1, bytes: 3 },
      output(2, 2),
      output(3),
    ]);
    expect(await cursor.next(longMs)).toEqual([output(4)]);
  });

  test('that overtakes a reader is a gap from its cursor on', async () => {
    const replica = await replicaOf(small(), { ringBytesMax: 1 });
    const { cursor } = open(replica, 0);
    await replica.append(outputs(1, 2));
    expect(await cursor.next(longMs)).toEqual(outputs(1, 2));
    await replica.append(outputs(3, 6));
    await replica.append(outputs(7, 9));
    expect(await cursor.next(longMs)).toEqual([
      { type: 'gap', from_seq: 3, to_seq: 5, bytes: 3 },
      ...outputs(6, 8),
    ]);
  });

  test('from the replay ends a reader of the replay with its cursor', async () => {
    const replica = await replicaOf(small());
    const { cursor, ends } = open(replica, 0, 'replay');
    await replica.append(outputs(1, 2));
    expect(await cursor.next(longMs)).toEqual(outputs(1, 2));
    await replica.append(outputs(3, 5));
    expect(await readAll(cursor)).toEqual([{ type: 'lagged', after_seq: 2 }]);
    expect(ends).toEqual(['lagged']);
  });

  test('up to the cursor ends nobody', async () => {
    const replica = await replicaOf(small());
    const { cursor } = open(replica, 0, 'replay');
    await replica.append(outputs(1, 2));
    await cursor.next(longMs);
    await replica.append(outputs(3, 4));
    expect(replica.hub.head.first_replay_seq).toBe(3);
    expect(await cursor.next(longMs)).toEqual(outputs(3, 4));
  });
});

describe('closing', () => {
  test('ends a call that waits', async () => {
    const replica = await replicaOf();
    const { cursor, ends } = open(replica, 0);
    const next = cursor.next(longMs);
    await microtasks();
    cursor.close();
    expect(await next).toBeNull();
    expect(await cursor.next(longMs)).toBeNull();
    expect(ends).toEqual(['ended']);
  });

  test.each([0, 1, 2, 3, 4, 5])('ends a call %i microtasks after it began', async (count) => {
    const replica = await replicaOf();
    const { cursor } = open(replica, 0);
    const next = cursor.next(longMs);
    for (let passed = 0; passed < count; passed += 1) await Promise.resolve();
    cursor.close();
    expect(await next).toBeNull();
  });

  test('ends a call that reads', async () => {
    const replica = await replicaOf();
    await replica.append(outputs(1, 2));
    const reading = Promise.withResolvers<undefined>();
    replica.engine.after = (operation) => operation === 'read' && reading.promise;
    const { cursor, ends } = open(replica, 0);
    const next = cursor.next(longMs);
    await microtasks();
    cursor.close();
    reading.resolve(undefined);
    expect(await next).toBeNull();
    expect(ends).toEqual(['ended']);
  });

  test('may be repeated, also after the end', async () => {
    const replica = await replicaOf();
    const { cursor, ends } = open(replica, 0);
    await replica.append([exitedEvent(1), closedEvent(2)], closedState(2));
    await readAll(cursor);
    cursor.close();
    cursor.close();
    expect(ends).toEqual(['ended']);
  });

  test('of the last reader frees what was in memory', async () => {
    const replica = await replicaOf();
    const [first, second] = [open(replica, 0), open(replica, 0)];
    await replica.append(outputs(1, 2));
    first.cursor.close();
    first.cursor.close();
    expect(replica.hub.recent(0)).toEqual(outputs(1, 2));
    second.cursor.close();
    expect(replica.hub.recent(0)).toBeUndefined();
  });

  test.each(['close', 'lag'])('by %s frees what was in memory', async (end) => {
    const replica = await replicaOf(new MemoryEngine({ replay: { eventsMax: 1, bytesMax: 1 } }));
    const { cursor } = open(replica, 0, end === 'lag' ? 'replay' : 'retained');
    await replica.append([exitedEvent(1), closedEvent(2)], closedState(2));
    await readAll(cursor);
    expect(replica.hub.recent(0)).toBeUndefined();
  });
});

describe('draining', () => {
  test('ends a call that waits', async () => {
    const replica = await replicaOf();
    const { cursor, ends } = open(replica, 0);
    const next = cursor.next(longMs);
    await microtasks();
    replica.draining.abort();
    replica.hub.nudge();
    expect(await next).toEqual([{ type: 'draining' }]);
    expect(await cursor.next(longMs)).toBeNull();
    expect(ends).toEqual(['ended']);
  });

  test('that comes between the look and the wait is not missed', async () => {
    const replica = await replicaOf();
    const { cursor } = open(replica, 0);
    const next = cursor.next(longMs);
    replica.draining.abort();
    expect(await next).toEqual([{ type: 'draining' }]);
  });

  test('leaves a call that reads its events, and ends the next', async () => {
    const replica = await replicaOf();
    await replica.append(outputs(1, 2));
    const { cursor } = open(replica, 0);
    replica.engine.before = () => {
      replica.draining.abort();
    };
    expect(await cursor.next(longMs)).toEqual(outputs(1, 2));
    expect(await cursor.next(longMs)).toEqual([{ type: 'draining' }]);
    expect(await cursor.next(longMs)).toBeNull();
  });
});

test('a read that the engine rejects rejects the call, and the next one goes on', async () => {
  const replica = await replicaOf();
  await replica.append(outputs(1, 2));
  const { cursor, ends } = open(replica, 0);
  const trouble = new Error('disk gone');
  replica.engine.before = () => Promise.reject(trouble);
  await expect(cursor.next(longMs)).rejects.toBe(trouble);
  replica.engine.before = () => undefined;
  expect(await cursor.next(longMs)).toEqual(outputs(1, 2));
  expect(ends).toEqual([]);
});

test('what is published while the engine is read is not lost', async () => {
  const replica = await replicaOf();
  await replica.append(outputs(1, 2));
  const { cursor } = open(replica, 0);
  const { engine } = replica;
  engine.after = async (operation) => {
    engine.after = () => undefined;
    if (operation === 'read') await replica.append(outputs(3, 4));
  };
  expect(await cursor.next(longMs)).toEqual(outputs(1, 2));
  expect(await cursor.next(longMs)).toEqual(outputs(3, 4));
});

test('what the engine has and is not published yet is not given', async () => {
  const replica = await replicaOf();
  await replica.append(outputs(1, 1));
  const { cursor } = open(replica, 0);
  const { engine, record, hub } = replica;
  const ahead = outputs(2, 3);
  const head = await engine.append(record, ahead, hub.lifecycle);
  expect(await cursor.next(longMs)).toEqual(outputs(1, 1));
  const next = cursor.next(longMs);
  await microtasks();
  hub.publish(ahead, head, hub.lifecycle);
  expect(await next).toBe(ahead);
});

test('the memory of a page is its reader’s until the next call, that of a batch for good', async () => {
  const replica = await replicaOf();
  const page = { ...output(1), chunk: allocate(20_000).fill('a') };
  await replica.append([page]);
  vi.spyOn(replica.engine, 'read').mockResolvedValueOnce({ gap: null, events: [page] });
  const { cursor } = open(replica, 0);
  expect(await cursor.next(longMs)).toEqual([page]);
  expect(page.chunk.length).toBe(20_000);
  const batch = [{ ...output(2), chunk: allocate(20_000).fill('b') }];
  await replica.append(batch);
  expect(await cursor.next(longMs)).toBe(batch);
  expect(page.chunk.length).toBe(0);
  expect(await cursor.next(1)).toEqual([]);
  expect(batch[0]?.chunk.length).toBe(20_000);
});
