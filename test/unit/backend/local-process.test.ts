import { describe, expect, test, vi } from 'vitest';
import { ProcessionError } from '../../../src/errors.ts';
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
} from '../replica/fixtures.ts';
import { MemoryEngine } from '../replica/memory-engine.ts';
import { emptyPage } from '../../support/empty-page.ts';
import { processOn, streamOf } from './handles.ts';

/** Longer than a test may take. */
const longMs = 60_000;

const chunk = (seq: number): Omit<ReturnType<typeof output>, 'type'> => {
  const { stream, chunk: bytes } = output(seq);
  return { seq, stream, chunk: bytes };
};

describe('read', () => {
  test('answers at once without a wait', async () => {
    expect(await processOn(await replicaOf()).read({})).toEqual(emptyPage);
  });

  test('answers at the deadline with the page as it is', async () => {
    const replica = await replicaOf();
    await replica.append(outputs(1, 2));
    const page = await processOn(replica).read({ after_seq: 2, wait_ms: 5 });
    expect(page).toEqual({ ...emptyPage, next_seq: 3, head_seq: 2 });
  });

  test.each(['before', 'while'])('answers when its caller went away %s it waits', async (when) => {
    const replica = await replicaOf();
    const caller = new AbortController();
    if (when === 'before') caller.abort();
    const reading = processOn(replica).read({ wait_ms: longMs }, caller.signal);
    await microtasks();
    caller.abort();
    expect(await reading).toEqual(emptyPage);
  });

  test.each(['before', 'while'])('answers when the service drains %s it waits', async (when) => {
    const replica = await replicaOf();
    if (when === 'before') replica.draining.abort();
    const reading = processOn(replica).read({ wait_ms: longMs });
    await microtasks();
    replica.draining.abort();
    replica.hub.nudge();
    expect(await reading).toEqual(emptyPage);
  });

  test('leaves no listener on the signal of its caller', async () => {
    const replica = await replicaOf();
    const caller = new AbortController();
    const added = vi.spyOn(caller.signal, 'addEventListener');
    const removed = vi.spyOn(caller.signal, 'removeEventListener');
    const reading = processOn(replica).read({ wait_ms: longMs }, caller.signal);
    replica.hub.nudge();
    await microtasks();
    await replica.append(outputs(1, 1));
    await reading;
    expect(removed.mock.calls.map(([, listener]) => listener)).toEqual(
      added.mock.calls.map(([, listener]) => listener),
    );
    expect(added).toHaveBeenCalledTimes(2);
  });

  test('pages whole chunks, one at least', async () => {
    const replica = await replicaOf();
    await replica.append(outputs(1, 5));
    const process = processOn(replica);
    const pages = [];
    for (const max_bytes of [0, 1, 2, 3]) {
      const { chunks, next_seq } = await process.read({ after_seq: 1, max_bytes });
      pages.push([chunks.length, next_seq]);
    }
    expect(pages).toEqual([
      [1, 3],
      [1, 3],
      [2, 4],
      [3, 5],
    ]);
  });

  test('covers the exit and the close, which are no chunks', async () => {
    const replica = await replicaOf();
    await replica.append(outputs(1, 1));
    await replica.append([exitedEvent(2)], exitedState(2));
    await replica.append(outputs(3, 3));
    await replica.append([closedEvent(4)], closedState(4, 2));
    expect(await processOn(replica).read({})).toEqual({
      ...emptyPage,
      chunks: [chunk(1), chunk(3)],
      next_seq: 5,
      head_seq: 4,
      exited: true,
      exit_code: 0,
      exit_reason: 'exited',
      exit_seq: 2,
      closed: true,
      closed_seq: 4,
    });
  });

  test('names the hole that eviction made', async () => {
    const replica = await replicaOf(new MemoryEngine({ retainedBytesMax: 2 }));
    await replica.append(outputs(1, 5));
    expect(await processOn(replica).read({ after_seq: 1 })).toEqual({
      ...emptyPage,
      chunks: [chunk(4), chunk(5)],
      next_seq: 6,
      head_seq: 5,
      first_retained_seq: 4,
      gap: { from_seq: 2, to_seq: 3, bytes: 2 },
    });
  });

  test('says that a process failed, at its end too', async () => {
    const replica = await replicaOf();
    await replica.append(outputs(1, 1));
    replica.publishState(failedState());
    const failed = {
      ...emptyPage,
      head_seq: 1,
      failure: 'the owner is gone',
      failure_reason: 'owner_lost',
    };
    const process = processOn(replica);
    expect(await process.read({ wait_ms: longMs })).toEqual({
      ...failed,
      chunks: [chunk(1)],
      next_seq: 2,
    });
    expect(await process.read({ after_seq: 1, wait_ms: longMs })).toEqual({
      ...failed,
      next_seq: 2,
    });
    expect(await process.read({ after_seq: 2, wait_ms: longMs })).toEqual({
      ...failed,
      next_seq: 3,
    });
  });

  test('rejects a cursor that is ahead, also with a wait', async () => {
    const process = processOn(await replicaOf());
    await expect(process.read({ after_seq: 1, wait_ms: longMs })).rejects.toEqual(
      new ProcessionError('cursor_ahead', 'the cursor is 1, the newest seq is 0', {
        head_seq: 0,
        next_seq: 1,
      }),
    );
  });

  test('rejects with the trouble of the engine', async () => {
    const replica = await replicaOf();
    await replica.append(outputs(1, 1));
    const trouble = new Error('disk gone');
    replica.engine.before = () => Promise.reject(trouble);
    await expect(processOn(replica).read({})).rejects.toBe(trouble);
  });

  test('shows nothing that is not published yet', async () => {
    const replica = await replicaOf();
    const { engine, record, hub } = replica;
    await replica.append(outputs(1, 1));
    await engine.append(record, [exitedEvent(2)], exitedState(2));
    expect(await processOn(replica).read({})).toEqual({
      ...emptyPage,
      chunks: [chunk(1)],
      next_seq: 2,
      head_seq: hub.head.last_seq,
    });
  });
});

describe('subscribing', () => {
  const narrow = (): MemoryEngine =>
    new MemoryEngine({ retainedBytesMax: 4, replay: { eventsMax: 2, bytesMax: 100 } });

  test.each([
    { from: 'replay', first: 5 },
    { from: 'retained', first: 3 },
  ] as const)('without a cursor begins at the oldest of the $from', async ({ from, first }) => {
    const replica = await replicaOf(narrow());
    await replica.append(outputs(1, 6));
    const subscription = await processOn(replica).subscribeEvents({ after_seq: null, from });
    expect(await streamOf(subscription).next(longMs)).toEqual(outputs(first, 6));
  });

  test('to a replay behind it is lagged, up to it is not', async () => {
    const replica = await replicaOf(narrow());
    await replica.append(outputs(1, 6));
    const process = processOn(replica);
    expect(await process.subscribeEvents({ after_seq: 3, from: 'replay' })).toEqual({
      kind: 'lagged',
      after_seq: 3,
    });
    const subscription = await process.subscribeEvents({ after_seq: 4, from: 'replay' });
    expect(await streamOf(subscription).next(longMs)).toEqual(outputs(5, 6));
  });

  test.each([
    { name: 'closed', after_seq: 2, kind: 'ended' },
    { name: 'closed', after_seq: 1, kind: 'stream' },
    { name: 'failed', after_seq: 3, kind: 'ended' },
    { name: 'failed', after_seq: 2, kind: 'stream' },
    { name: 'running', after_seq: 2, kind: 'stream' },
    { name: 'closed', after_seq: null, kind: 'stream' },
  ])('to a $name process at $after_seq is $kind', async ({ name, after_seq, kind }) => {
    const replica = await replicaOf();
    if (name === 'closed') await replica.append([exitedEvent(1), closedEvent(2)], closedState(2));
    else await replica.append(outputs(1, 2));
    if (name === 'failed') replica.publishState(failedState());
    const process = processOn(replica);
    for (const from of ['replay', 'retained'] as const) {
      expect((await process.subscribeEvents({ after_seq, from })).kind).toBe(kind);
    }
    expect((await process.subscribeWake({ after_seq })).kind).toBe(kind);
  });

  test('with a cursor that is ahead is refused', async () => {
    const process = processOn(await replicaOf());
    const ahead = { code: 'cursor_ahead', members: { head_seq: 0, next_seq: 1 } };
    for (const from of ['replay', 'retained'] as const) {
      await expect(process.subscribeEvents({ after_seq: 1, from })).rejects.toMatchObject(ahead);
    }
    await expect(process.subscribeWake({ after_seq: 1 })).rejects.toMatchObject(ahead);
  });
});

describe('a process without a child of this service', () => {
  test('takes no input and no signal', async () => {
    const process = processOn(await replicaOf());
    await expect(process.write({ chunk: Buffer.from('a') })).rejects.toEqual(
      new ProcessionError('stdin_closed', 'process p is over'),
    );
    await expect(process.signal({ signal: 'SIGINT' })).rejects.toEqual(
      new ProcessionError('process_exited', 'process p has exited'),
    );
  });

  test('refuses to be ended by a signal that this host does not have', async () => {
    const process = processOn(await replicaOf());
    await expect(process.terminate({ signal: 'SIGNOPE' })).rejects.toEqual(
      new ProcessionError('invalid_request', 'SIGNOPE is not a signal of this host', {
        errors: [{ pointer: '/signal', detail: 'must be a signal of this host' }],
      }),
    );
  });
});
