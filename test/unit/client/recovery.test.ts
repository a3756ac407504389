import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Disconnected, Recovery, recovering } from '../../../src/client/recovery.ts';
import { ProcessionError } from '../../../src/errors.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

const closed = new AbortController().signal;

/** The pauses until a recovery gives up, as if each attempt failed at once. */
function pauses(recovery: Recovery, askedMs = 0): readonly number[] {
  const all: number[] = [];
  for (;;) {
    const pauseMs = recovery.pauseMs(askedMs);
    if (pauseMs === null) return all;
    all.push(pauseMs);
    vi.advanceTimersByTime(Math.ceil(pauseMs));
  }
}

describe('the pauses of a recovery', () => {
  it('double from 100 ms to 5 s, each shortened by at most a half, and fill its time', () => {
    const all = pauses(new Recovery({ recoverMs: 25_000, reconnectMsMax: 60_000, closed }));
    const doubled = all.map((_pause, index) => Math.min(5000, 100 * 2 ** index));
    all.slice(0, -1).forEach((pauseMs, index) => {
      const most = doubled[index] ?? 0;
      expect(pauseMs).toBeGreaterThanOrEqual(most / 2);
      expect(pauseMs).toBeLessThanOrEqual(most);
    });
    const sum = all.reduce((total, pauseMs) => total + Math.ceil(pauseMs), 0);
    expect(sum).toBe(25_000);
  });

  it('are as long as the server asks for, within the limit of the client', () => {
    const patient = new Recovery({ recoverMs: 10_000, reconnectMsMax: 60_000, closed });
    expect(patient.pauseMs(3000)).toBe(3000);
    const impatient = new Recovery({ recoverMs: 10_000, reconnectMsMax: 50, closed });
    expect(impatient.pauseMs(3000)).toBe(50);
  });

  it('start again once the server was there', () => {
    const recovery = new Recovery({ recoverMs: 1000, reconnectMsMax: 60_000, closed });
    pauses(recovery);
    expect(recovery.pauseMs(0)).toBeNull();
    recovery.restored();
    expect(recovery.pauseMs(0)).toBeLessThanOrEqual(100);
  });

  it('are none when there is no time for recovering', () => {
    expect(new Recovery({ recoverMs: 0, reconnectMsMax: 60_000, closed }).pauseMs(0)).toBeNull();
  });
});

describe('recovering', () => {
  const limits = { recoverMs: 60_000, reconnectMsMax: 1, closed };

  it('repeats what passes until there is a result', async () => {
    const errors = [
      new Disconnected('no answer', new Error('refused')),
      new ProcessionError('draining', 'it shuts down'),
      new ProcessionError('store_unavailable', 'not now'),
    ];
    const attempt = vi.fn(() => {
      const error = errors.shift();
      return error === undefined ? Promise.resolve('done') : Promise.reject(error);
    });
    expect(await recovering(new Recovery(limits), attempt)).toBe('done');
    expect(attempt).toHaveBeenCalledTimes(4);
  });

  it.each([new ProcessionError('stdin_full', 'later'), new Error('a defect')])(
    'does not repeat what stays: %s',
    async (error) => {
      const attempt = vi.fn(() => Promise.reject(error));
      await expect(recovering(new Recovery(limits), attempt)).rejects.toBe(error);
      expect(attempt).toHaveBeenCalledTimes(1);
    },
  );

  it('gives the last error when the time is over', async () => {
    const error = new Disconnected('no answer from somewhere', new Error('refused'));
    const never = recovering(new Recovery({ ...limits, recoverMs: 0 }), () =>
      Promise.reject(error),
    );
    await expect(never).rejects.toBe(error);
    expect(error.message).toBe('no answer from somewhere: refused');
  });

  it('stops at an abort, in a pause and in an attempt', async () => {
    const abort = new AbortController();
    const attempt = vi.fn(() => {
      abort.abort();
      return Promise.reject(new Disconnected('no answer', null));
    });
    const inAttempt = recovering(new Recovery(limits), attempt, abort.signal);
    await expect(inAttempt).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(attempt).toHaveBeenCalledTimes(1);
  });

  it('stops in a pause at an abort, and when the client is closed', async () => {
    const abort = new AbortController();
    const closing = new AbortController();
    const long = { recoverMs: 60_000, reconnectMsMax: 60_000, closed: closing.signal };
    const attempt = (): Promise<never> => {
      const isOff = abort.signal.aborted || closing.signal.aborted;
      return Promise.reject(isOff ? new Error('off') : new Disconnected('no answer', null));
    };
    const { signal } = abort;
    const aborted = recovering(new Recovery(long), attempt, signal);
    const orphaned = recovering(new Recovery(long), attempt);
    await turnOfTheLoop();
    abort.abort();
    await expect(aborted).rejects.toThrow('off');
    closing.abort();
    await expect(orphaned).rejects.toThrow('off');
  });
});
