import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { abortLater, linkAbort, pause } from '../../../src/client/abort.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

afterEach(() => {
  vi.useRealTimers();
});

function listeners({ signal }: AbortController): number {
  return getEventListeners(signal, 'abort').length;
}

describe('a linked abort', () => {
  it('follows the first one, also when that came before', () => {
    const from = new AbortController();
    const [early, late] = [new AbortController(), new AbortController()];
    linkAbort(from.signal, early);
    expect(early.signal.aborted).toBe(false);
    from.abort();
    linkAbort(from.signal, late);
    expect([early.signal.aborted, late.signal.aborted]).toEqual([true, true]);
  });

  it('follows no longer once it is unlinked, and leaves nothing at the first one', () => {
    const [from, to] = [new AbortController(), new AbortController()];
    linkAbort(from.signal, to)();
    expect(listeners(from)).toBe(0);
    from.abort();
    expect(to.signal.aborted).toBe(false);
  });
});

describe('a pause', () => {
  it('ends after its time and not before', async () => {
    let isOver = false;
    void pause(100, []).then(() => (isOver = true));
    await vi.advanceTimersByTimeAsync(99);
    expect(isOver).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(isOver).toBe(true);
  });

  it.each(['during it', 'before it'])('ends at once when a signal aborts %s', async (when) => {
    const [first, second] = [new AbortController(), new AbortController()];
    if (when === 'before it') second.abort();
    const ended = pause(100, [first.signal, second.signal]);
    second.abort();
    await ended;
    expect([vi.getTimerCount(), listeners(first), listeners(second)]).toEqual([0, 0, 0]);
  });
});

describe('a later abort', () => {
  it('comes its time after the first one', () => {
    const from = new AbortController();
    const { signal } = abortLater(from.signal, 100);
    vi.advanceTimersByTime(1000);
    from.abort();
    vi.advanceTimersByTime(99);
    expect(signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(signal.aborted).toBe(true);
  });

  it.each(['before the first one', 'after it'])('never comes when released %s', (when) => {
    const from = new AbortController();
    const { signal, release } = abortLater(from.signal, 100);
    if (when === 'after it') from.abort();
    release();
    from.abort();
    vi.advanceTimersByTime(1000);
    expect([signal.aborted, vi.getTimerCount(), listeners(from)]).toEqual([false, 0, 0]);
  });

  it('never comes without a first one', () => {
    const { signal, release } = abortLater(undefined, 100);
    vi.advanceTimersByTime(1000);
    release();
    expect(signal.aborted).toBe(false);
  });
});
