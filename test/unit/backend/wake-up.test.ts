import { describe, expect, test, vi } from 'vitest';
import type { OutputPage } from '../../../src/exec-types.ts';
import {
  closedEvent,
  closedState,
  exitedEvent,
  exitedState,
  failedState,
  microtasks,
  outputs,
  replicaOf,
} from '../replica/fixtures.ts';
import { processOn, streamOf, wakesOf } from './handles.ts';

/** Longer than any test may take: who misses a wake does not come back in time. */
const longMs = 60_000;

/** Lets some microtasks run, or some turns of the event loop. */
async function pause(kind: 'microtasks' | 'turns', count: number): Promise<void> {
  for (let passed = 0; passed < count; passed += 1) {
    if (kind === 'microtasks') await Promise.resolve();
    else await microtasks();
  }
}

describe('no wake-up is lost', { timeout: 5_000 }, () => {
  const offsets = Array.from({ length: 10 }, (_, count) => count);
  const moments = offsets.flatMap((count) => [
    { kind: 'microtasks' as const, count },
    { kind: 'turns' as const, count: count % 3 },
  ]);

  test('by a thousand long polls, whenever the log moves around their registration', async () => {
    for (let round = 0; round < 50; round += 1) {
      for (const { kind, count } of moments) {
        const replica = await replicaOf();
        const process = processOn(replica);
        const move = (async () => {
          await pause(kind, count);
          if (round % 3 === 0) await replica.append(outputs(1, 1));
          else if (round % 3 === 1) await replica.append([exitedEvent(1)], exitedState(1));
          else replica.publishState(failedState());
        })();
        await pause('microtasks', round % 5);
        const page = await process.read({ wait_ms: longMs });
        expect(page.head_seq + (page.failure === null ? 0 : 1)).toBe(1);
        await move;
      }
    }
  });

  test('by a thousand wake streams, whenever the log moves around their registration', async () => {
    for (let round = 0; round < 50; round += 1) {
      for (const { kind, count } of moments) {
        const replica = await replicaOf();
        const stream = wakesOf(await processOn(replica).subscribeWake({ after_seq: 0 }));
        const move = (async () => {
          await pause(kind, count);
          if (round % 2 === 0) await replica.append(outputs(1, 1));
          else replica.publishState(failedState());
        })();
        await pause('microtasks', round % 5);
        expect(await stream.next(longMs)).toMatchObject({ seq: 1 });
        await move;
      }
    }
  });

  test('by a thousand event streams, whenever the log moves around their registration', async () => {
    for (let round = 0; round < 50; round += 1) {
      for (const { kind, count } of moments) {
        const replica = await replicaOf();
        const from = round % 2 === 0 ? 'replay' : 'retained';
        const move = (async () => {
          await pause(kind, count);
          await replica.append(outputs(1, 1));
        })();
        await pause('microtasks', round % 5);
        const subscription = await processOn(replica).subscribeEvents({ after_seq: null, from });
        expect(await streamOf(subscription).next(longMs)).toEqual(outputs(1, 1));
        await move;
      }
    }
  });

  test('by a terminate that waits, whenever the close comes', async () => {
    for (const { kind, count } of moments) {
      const replica = await replicaOf();
      const move = (async () => {
        await pause(kind, count);
        await replica.append([exitedEvent(1), closedEvent(2)], closedState(2));
      })();
      const kill = vi.spyOn(globalThis.process, 'kill').mockImplementation(() => {
        throw Object.assign(new Error('gone'), { code: 'ESRCH' });
      });
      const result = await processOn(replica).terminate({ wait_ms: longMs });
      expect(result).toMatchObject({ state: 'closed', running: false, survivors: [] });
      kill.mockRestore();
      await move;
    }
  });
});

describe('nobody spins', () => {
  test('a pager that follows next_seq reads once for each change, also after the exit', async () => {
    const replica = await replicaOf();
    const process = processOn(replica);
    const pages: OutputPage[] = [];
    const paging = (async () => {
      for (let after_seq = 0; ;) {
        const page = await process.read({ after_seq, wait_ms: longMs });
        pages.push(page);
        after_seq = page.next_seq - 1;
        if (page.closed_seq !== null && page.next_seq > page.closed_seq) return;
      }
    })();
    await replica.append(outputs(1, 2));
    await pause('turns', 5);
    await replica.append([exitedEvent(3)], exitedState(3));
    await pause('turns', 50);
    expect(pages.length).toBe(2);
    await replica.append(outputs(4, 4));
    await pause('turns', 50);
    expect(pages.length).toBe(3);
    await replica.append([closedEvent(5)], closedState(5));
    await paging;
    expect(pages.map(({ next_seq }) => next_seq)).toEqual([3, 4, 5, 6]);
    expect(replica.engine.count('read')).toBe(4);
  });

  test('a poll at the end of a closed log does not touch the engine', async () => {
    const replica = await replicaOf();
    await replica.append([exitedEvent(1), closedEvent(2)], closedState(2));
    const wait = vi.spyOn(replica.hub, 'wait');
    await processOn(replica).read({ after_seq: 2, wait_ms: longMs });
    expect([replica.engine.count('read'), wait.mock.calls.length]).toEqual([0, 0]);
  });

  test('streams wait once for each change', async () => {
    const replica = await replicaOf();
    const process = processOn(replica);
    const wait = vi.spyOn(replica.hub, 'wait');
    const stream = streamOf(await process.subscribeEvents({ after_seq: 0, from: 'retained' }));
    const wakes = wakesOf(await process.subscribeWake({ after_seq: 0 }));
    await replica.append([exitedEvent(1)], exitedState(1));
    expect(await stream.next(longMs)).toEqual([exitedEvent(1)]);
    expect(await wakes.next(longMs)).toMatchObject({ seq: 1 });
    const rest = Promise.all([stream.next(longMs), wakes.next(longMs)]);
    await pause('turns', 50);
    expect(wait.mock.calls.length).toBe(2);
    await replica.append([closedEvent(2)], closedState(2));
    expect(await rest).toEqual([[closedEvent(2)], expect.objectContaining({ closed: true })]);
    expect(wait.mock.calls.length).toBe(2);
    expect(replica.engine.count('read')).toBe(0);
  });
});
