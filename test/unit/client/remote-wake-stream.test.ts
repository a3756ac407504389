import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Disconnected } from '../../../src/client/recovery.ts';
import type { RemoteWakeStreamOptions, WakePoll } from '../../../src/client/remote-wake-stream.ts';
import { RemoteWakeStream } from '../../../src/client/remote-wake-stream.ts';
import { ProcessionError } from '../../../src/errors.ts';
import type { Wake } from '../../../src/exec-backend.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

function head(seq: number): Wake {
  return { seq, next_seq: seq + 1, closed: false, failed: false };
}

function follow(
  poll: RemoteWakeStreamOptions['poll'],
  after_seq: number | null = 0,
): { readonly stream: RemoteWakeStream; readonly client: AbortController } {
  const client = new AbortController();
  const limits = { recoverMs: 1000, reconnectMsMax: 5000, closed: client.signal };
  return { stream: new RemoteWakeStream({ after_seq, poll, limits }), client };
}

/** A server that answers with this head when its wait is over. */
function lazy(seq: number, asked: WakePoll[] = []): RemoteWakeStreamOptions['poll'] {
  return (request) => {
    asked.push(request);
    return new Promise((resolve) => {
      setTimeout(() => {
        resolve(head(seq));
      }, request.waitMs);
    });
  };
}

/** An answer that comes in the very moment in which nobody waits for it any more. */
function answerAtAbort({ signal }: WakePoll, seq: number): Promise<Wake> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => {
      resolve(head(seq));
    });
  });
}

/** A request that only its abort ends. */
function silence({ signal }: WakePoll): Promise<Wake> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      reject(new Error('aborted'));
    });
  });
}

describe('a wait for the next head', () => {
  it('longer than a minute is asked for in parts', async () => {
    const asked: WakePoll[] = [];
    const { stream } = follow(lazy(0, asked));
    const next = stream.next(150_000);
    await vi.advanceTimersByTimeAsync(150_000);
    expect(await next).toBe('idle');
    const parts = asked.map(({ after_seq, waitMs }) => [after_seq, waitMs]);
    expect(parts).toEqual([
      [0, 60_000],
      [0, 60_000],
      [0, 30_000],
    ]);
  });

  it('is idle when the server does not answer within a second of its end', async () => {
    const { stream } = follow(silence);
    let outcome: unknown = 'waiting';
    void stream.next(10).then((wake) => (outcome = wake));
    await vi.advanceTimersByTimeAsync(1009);
    expect(outcome).toBe('waiting');
    await vi.advanceTimersByTimeAsync(1);
    expect(outcome).toBe('idle');
  });

  it('that is given up loses no answer', async () => {
    let isFirst = true;
    const { stream } = follow((request) => {
      if (!isFirst) return Promise.resolve(head(3));
      isFirst = false;
      return answerAtAbort(request, 3);
    });
    const next = stream.next(10);
    await vi.advanceTimersByTimeAsync(1010);
    expect([await next, await stream.next(10)]).toEqual(['idle', head(3)]);
  });
});

describe('the end of a head that is followed', () => {
  it.each([
    ['the stream', silence],
    ['the stream, as an answer comes', (request: WakePoll) => answerAtAbort(request, 3)],
  ])('is null at once when somebody closes %s', async (_what, poll) => {
    const { stream } = follow(poll);
    const next = stream.next(10_000);
    stream.close();
    expect([await next, await stream.next(10_000)]).toEqual([null, null]);
  });

  it('is null at once when the client is closed', async () => {
    const { stream, client } = follow(silence);
    const next = stream.next(10_000);
    client.abort();
    expect(await next).toBeNull();
  });

  it('comes after one rejection when the process was removed', async () => {
    const expired = new ProcessionError('process_expired', 'process p was removed');
    const { stream } = follow(() => Promise.reject(expired));
    await expect(stream.next(10_000)).rejects.toBe(expired);
    expect(await stream.next(10_000)).toBeNull();
  });

  it.each([
    [null, 1],
    [0, 1],
    [7, 8],
  ])('after seq %j is a failure at seq %i when the server stays away', async (cursor, seq) => {
    const { stream } = follow(() => Promise.reject(new Disconnected('gone', null)), cursor);
    const next = stream.next(10_000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await next).toEqual({ seq, next_seq: seq, closed: false, failed: true });
    expect(await stream.next(10_000)).toBeNull();
  });
});
