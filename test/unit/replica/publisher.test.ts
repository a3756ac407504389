import { afterEach, describe, expect, test, vi } from 'vitest';
import { running } from '../../../src/log/lifecycle.ts';
import { allocate } from '../../../src/log/memory.ts';
import {
  closedEvent,
  closedState,
  exitedEvent,
  exitedState,
  microtasks,
  success,
} from './fixtures.ts';
import type { Operation } from './memory-engine.ts';
import type { Published } from './published.ts';
import { publish, textOf } from './published.ts';
import { seqOf } from '../../../src/log/event.ts';

/** Holds appends up: each waits for a call of `pass`. */
function hold({ engine }: Published): { readonly pass: () => Promise<void> } {
  const waiting: (() => void)[] = [];
  engine.before = (operation: Operation) =>
    operation === 'append' &&
    new Promise<void>((resolve) => {
      waiting.push(resolve);
    });
  return {
    pass: async () => {
      while (waiting.length === 0) await microtasks();
      waiting.shift()?.();
    },
  };
}

afterEach(() => {
  vi.useRealTimers();
});

test('readers see nothing before the engine has it', async () => {
  const published = await publish();
  const { say, hub, batches } = published;
  const { pass } = hold(published);
  const wait = hub.wait(60_000);
  say('stdout', 'a');
  await microtasks();
  expect([hub.head.last_seq, batches]).toEqual([0, []]);
  await pass();
  expect(await wait.promise).toBe(true);
  expect([hub.head.last_seq, batches]).toEqual([
    1,
    [[{ type: 'output', seq: 1, stream: 'stdout', chunk: Buffer.from('a') }]],
  ]);
});

test('an idle log publishes in the same turn', async () => {
  const { say, engine, committed } = await publish();
  say('stdout', 'a');
  expect(engine.count('append')).toBe(1);
  await committed(1);
});

test('a log is idle again when its window has passed', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const { say, engine } = await publish();
  say('stdout', 'a');
  await microtasks();
  await microtasks();
  say('stdout', 'b');
  expect(engine.count('append')).toBe(1);
  vi.advanceTimersByTime(2);
  expect(engine.count('append')).toBe(1);
  vi.advanceTimersByTime(1);
  expect(engine.count('append')).toBe(2);
  await microtasks();
  await microtasks();
  vi.advanceTimersByTime(3);
  say('stdout', 'c');
  expect(engine.count('append')).toBe(3);
});

test('a thousand writes of one turn become few events', async () => {
  const { say, batches, committed } = await publish();
  for (let count = 0; count < 1000; count += 1) say('stdout', '0123456789');
  await committed(2);
  expect(batches.map(textOf)).toEqual(['0123456789', '0123456789'.repeat(999)]);
});

test('enough bytes do not wait for the window', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const { say, engine, hub } = await publish();
  say('stdout', 'a');
  await microtasks();
  await microtasks();
  say('stdout', Buffer.alloc(64 * 1024 - 1, 'b'));
  expect(engine.count('append')).toBe(1);
  say('stderr', 'c');
  expect(engine.count('append')).toBe(2);
  await microtasks();
  expect(hub.head.last_seq).toBe(5);
});

test('there is one append at a time, in order', async () => {
  const published = await publish();
  const { publisher, say, engine, batches, committed } = published;
  let underway = 0;
  let most = 0;
  engine.before = async () => {
    most = Math.max(most, ++underway);
    await microtasks();
    await microtasks();
  };
  engine.after = () => {
    underway -= 1;
  };
  for (let count = 0; count < 50; count += 1) {
    say('stdout', Buffer.alloc(64 * 1024, 'o'));
    say('stderr', Buffer.alloc(64 * 1024, 'e'));
    await microtasks();
  }
  publisher.exited(success);
  publisher.closed(success, false);
  await publisher.sealed;
  const events = batches.flat();
  await committed(events.length);
  expect(most).toBe(1);
  expect(events.map(seqOf)).toEqual(events.map((_, index) => index + 1));
  expect(events.slice(-2)).toEqual([exitedEvent(events.length - 1), closedEvent(events.length)]);
});

describe('a refused append', () => {
  test('is repeated with the same events until it is taken, and readers see them once', async () => {
    const { say, engine, batches, refusals, committed } = await publish();
    const append = vi.spyOn(engine, 'append');
    const trouble = new Error('disk full');
    let left = 2;
    engine.before = () => (left-- > 0 ? Promise.reject(trouble) : undefined);
    say('stdout', 'a');
    say('stdout', 'b');
    await committed(2);
    expect(refusals).toEqual([trouble, trouble]);
    const [first, second, third] = append.mock.calls;
    expect(second).toEqual(first);
    expect(third?.[1]).toBe(first?.[1]);
    expect(batches.map(textOf)).toEqual(['a', 'b']);
  });

  test('keeps what comes meanwhile for the next one', async () => {
    const { publisher, say, engine, batches, committed } = await publish();
    let left = 1;
    engine.before = () => (left-- > 0 ? Promise.reject(new Error('not now')) : undefined);
    say('stdout', 'a');
    publisher.exited(success);
    publisher.closed(success, false);
    await committed(3);
    await publisher.sealed;
    expect(batches.map(textOf)).toEqual(['a', 'exited|closed']);
  });
});

describe('the memory of output', () => {
  test('is given back when nobody follows, once it is committed', async () => {
    const { say, engine, record, committed } = await publish();
    const chunk = allocate(20_000).fill('a');
    say('stdout', chunk);
    await committed(1);
    await microtasks();
    expect(chunk.length).toBe(0);
    const { events } = await engine.read(record, { after_seq: 0, max_bytes: 1 });
    expect(textOf(events)).toBe('a'.repeat(20_000));
  });

  test('is kept for those who follow', async () => {
    const { say, hub, committed } = await publish();
    hub.follow();
    const chunk = allocate(20_000).fill('a');
    say('stdout', chunk);
    await committed(1);
    await microtasks();
    expect(textOf(hub.recent(0) ?? [])).toBe('a'.repeat(20_000));
  });

  test('is kept while the engine refuses it', async () => {
    const { say, engine, record, committed } = await publish();
    let left = 1;
    engine.before = () => (left-- > 0 ? Promise.reject(new Error('not now')) : undefined);
    say('stdout', allocate(20_000).fill('a'));
    await committed(1);
    expect(engine.stored(record)?.head.retained_bytes).toBe(20_000);
  });
});

describe('backpressure', () => {
  const mebibyte = Buffer.alloc(1024 * 1024);

  test('begins above 1 MiB that waits, and ends with the append under way', async () => {
    const published = await publish();
    const { publisher } = published;
    const { pass } = hold(published);
    expect(publisher.output('stdout', Buffer.from('a'))).toBeNull();
    expect(publisher.output('stdout', mebibyte)).toBeNull();
    const room = publisher.output('stdout', Buffer.from('b'));
    expect(room).toBeInstanceOf(Promise);
    expect(publisher.output('stderr', Buffer.from('c'))).toBe(room);
    let hasRoom = false;
    void room?.then(() => {
      hasRoom = true;
    });
    await microtasks();
    expect(hasRoom).toBe(false);
    await pass();
    await room;
    await pass();
    await published.committed(35);
    expect(publisher.output('stdout', Buffer.from('d'))).toBeNull();
  });
});

describe('the end', () => {
  test('is sealed when the close is committed', async () => {
    const published = await publish();
    const { publisher, engine, record } = published;
    const { pass } = hold(published);
    let isSealed = false;
    void publisher.sealed.then(() => {
      isSealed = true;
    });
    publisher.exited(success);
    await pass();
    await published.committed(1);
    expect(published.hub.lifecycle).toEqual({ ...exitedState(1), exited_at: 1000 });
    publisher.closed(success, false);
    await microtasks();
    expect(isSealed).toBe(false);
    await pass();
    await publisher.sealed;
    expect(engine.stored(record)?.lifecycle).toEqual({ ...closedState(2), closed_at: 1000 });
    expect(published.hub.lifecycle).toBe(engine.stored(record)?.lifecycle);
  });

  test('does not wait for a window', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const { publisher, say, hub, batches } = await publish();
    say('stdout', 'a');
    await microtasks();
    await microtasks();
    say('stdout', 'b');
    publisher.exited(success);
    await microtasks();
    say('stdout', 'c');
    publisher.end('stdout');
    publisher.closed(success, true);
    await publisher.sealed;
    expect(batches.map(textOf)).toEqual(['a', 'b|exited', 'c|closed']);
    expect(hub.lifecycle).toMatchObject({ state: 'closed', output_incomplete: true });
    await microtasks();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('of a process that wrote nothing is two events', async () => {
    const { publisher, engine, record, batches, hub } = await publish();
    expect(hub.lifecycle).toBe(running);
    publisher.end('stdout');
    publisher.end('stderr');
    publisher.exited(success);
    publisher.closed(success, false);
    await publisher.sealed;
    expect(batches.flat()).toEqual([exitedEvent(1), closedEvent(2)]);
    expect(engine.stored(record)?.head.last_seq).toBe(2);
  });
});
