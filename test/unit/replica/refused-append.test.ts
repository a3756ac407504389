import { describe, expect, test } from 'vitest';
import type { GapEvent } from '../../../src/log/event.ts';
import { microtasks, success } from './fixtures.ts';
import type { Published } from './published.ts';
import { publish } from './published.ts';

const mebibyte = 1024 * 1024;

/** Refuses appends until told to take them again; then waits for a seq. */
function refuse({ engine, committed }: Published): (seq: number) => Promise<void> {
  engine.before = (operation) =>
    operation === 'append' && Promise.reject(new Error('no space left'));
  return (seq) => {
    engine.before = () => undefined;
    return committed(seq);
  };
}

/** Bytes of output that were ever appended. */
function bytesIn({ hub }: Published): number {
  return hub.head.retained_bytes + hub.head.evicted_bytes;
}

describe('while appends are refused', () => {
  test('a source that pauses waits from the first mebibyte on, and all is there later', async () => {
    const published = await publish();
    const take = refuse(published);
    const { publisher } = published;
    expect(publisher.output('stdout', Buffer.alloc(10, 'a'))).toBeNull();
    await microtasks();
    expect(publisher.output('stdout', Buffer.alloc(mebibyte, 'b'))).toBeNull();
    const room = publisher.output('stdout', Buffer.alloc(1, 'c'));
    expect(room).toBeInstanceOf(Promise);
    await take(34);
    await room;
    expect(bytesIn(published)).toBe(mebibyte + 11);
    expect([published.refusals.length, published.accepted.count]).toEqual([1, 1]);
  });

  test('a source that drops never waits, and what is too much is one gap at its place', async () => {
    const published = await publish({ dropsOutput: true });
    const take = refuse(published);
    const { publisher, engine, record, hub } = published;
    void publisher.output('stdout', Buffer.alloc(10, 'a'));
    await microtasks();
    for (let count = 0; count < 35; count += 1) {
      expect(publisher.output('stdout', Buffer.alloc(32_000, 'b'))).toBeNull();
    }
    void publisher.output('stderr', Buffer.alloc(20_000, 'c'));
    await take(35);
    expect(bytesIn(published)).toBe(10 + 32 * 32_000 + 20_000);
    const gap: GapEvent = { type: 'gap', from_seq: 34, to_seq: 34, bytes: 3 * 32_000 };
    const page = await engine.read(record, { after_seq: 33, max_bytes: 1 });
    expect(page.gap).toEqual(gap);
    expect(hub.head.last_seq).toBe(35);
    void publisher.output('stdout', Buffer.alloc(5, 'd'));
    await published.committed(36);
  });

  test('a source that drops and waited before the first refusal goes on', async () => {
    const published = await publish({ dropsOutput: true });
    const { publisher, engine } = published;
    const first = Promise.withResolvers<undefined>();
    engine.before = (operation) => (operation === 'append' ? first.promise : undefined);
    void publisher.output('stdout', Buffer.alloc(10, 'a'));
    const room = publisher.output('stdout', Buffer.alloc(mebibyte + 1, 'b'));
    expect(room).toBeInstanceOf(Promise);
    const take = refuse(published);
    first.reject(new Error('no space left'));
    await room;
    await take(34);
    expect(bytesIn(published)).toBe(mebibyte + 11);
  });

  test('the exit and the close are never dropped, nor is a character that was held back', async () => {
    const published = await publish({ dropsOutput: true });
    const take = refuse(published);
    const { publisher } = published;
    void publisher.output('stdout', Buffer.alloc(10, 'a'));
    await microtasks();
    void publisher.output(
      'stdout',
      Buffer.concat([Buffer.alloc(mebibyte - 1, 'b'), Buffer.from([0xc3])]),
    );
    void publisher.output('stdout', Buffer.alloc(4, 'c'));
    publisher.exited(success);
    publisher.closed(success, false);
    await take(37);
    expect(bytesIn(published)).toBe(10 + mebibyte);
    const { last_seq } = published.hub.head;
    const end = await published.engine.read(published.record, {
      after_seq: last_seq - 3,
      max_bytes: 1,
    });
    expect(end.gap).toEqual({
      type: 'gap',
      from_seq: last_seq - 2,
      to_seq: last_seq - 2,
      bytes: 4,
    });
    expect(end.events.map(({ type }) => type)).toEqual(['exited', 'closed']);
  });
});

test('followers get the gap of dropped output among the events', async () => {
  const published = await publish({ dropsOutput: true });
  const { publisher, hub } = published;
  hub.follow();
  const take = refuse(published);
  void publisher.output('stdout', Buffer.alloc(1, 'a'));
  await microtasks();
  void publisher.output('stdout', Buffer.alloc(mebibyte + 1, 'b'));
  void publisher.output('stdout', Buffer.alloc(3, 'c'));
  await take(3);
  expect(hub.recent(1)?.map((event) => event.type)).toEqual(['gap', 'output']);
  expect(hub.recent(2)?.map((event) => event.type)).toEqual(['output']);
});
