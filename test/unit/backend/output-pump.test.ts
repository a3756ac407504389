import { PassThrough, Readable } from 'node:stream';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { StreamName } from '../../../src/log/event.ts';
import type { OutputSink } from '../../../src/process/output.ts';
import { OutputPump } from '../../../src/process/output.ts';
import { microtasks } from '../replica/fixtures.ts';

/** What a pump says, as `name:text` and `name end`; full when a test says so. */
class Sink implements OutputSink {
  readonly said: string[] = [];
  room: Promise<void> | null = null;

  output(stream: StreamName, chunk: Buffer): Promise<void> | null {
    this.said.push(`${stream}:${chunk.toString()}`);
    return this.room;
  }

  end(stream: StreamName): void {
    this.said.push(`${stream} end`);
  }
}

function pump(): { stdout: PassThrough; stderr: PassThrough; sink: Sink; pump: OutputPump } {
  const [stdout, stderr, sink] = [new PassThrough(), new PassThrough(), new Sink()];
  const streams = new Map([
    ['stdout', stdout],
    ['stderr', stderr],
  ] as const);
  return { stdout, stderr, sink, pump: new OutputPump(streams, sink) };
}

/** A pipe from which each turn of the event loop brings one more letter; it stays open. */
function letters(count: number): Readable {
  let given = 0;
  return new Readable({
    read() {
      if (given === count) return;
      given += 1;
      setImmediate(() => this.push(Buffer.from('abcdefghij'.charAt((given - 1) % 10))));
    },
  });
}

afterEach(() => {
  vi.useRealTimers();
});

test('the bytes of each stream come in order, then its end', async () => {
  const { stdout, stderr, sink, pump: all } = pump();
  stdout.write('a');
  stderr.write('b');
  stdout.end('c');
  stderr.end();
  await all.ended;
  expect(sink.said.filter((said) => said.startsWith('stdout'))).toEqual([
    'stdout:a',
    'stdout:c',
    'stdout end',
  ]);
  expect(sink.said.filter((said) => said.startsWith('stderr'))).toEqual(['stderr:b', 'stderr end']);
});

describe('a full sink', () => {
  test('stops the source that met it until there is room', async () => {
    const { stdout, stderr, sink, pump: all } = pump();
    const room = Promise.withResolvers<undefined>();
    sink.room = room.promise;
    stdout.write('a');
    await microtasks();
    sink.room = null;
    stdout.write('b');
    stdout.end('c');
    stderr.end('d');
    await microtasks();
    await microtasks();
    expect(sink.said).toEqual(['stdout:a', 'stderr:d', 'stderr end']);
    expect(stdout.isPaused()).toBe(true);
    room.resolve(undefined);
    await all.ended;
    expect(sink.said.slice(3)).toEqual(['stdout:b', 'stdout:c', 'stdout end']);
  });

  test('that fills again stops the source again', async () => {
    const { stdout, stderr, sink, pump: all } = pump();
    const rooms = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
    for (const [index, letter] of ['a', 'b', 'c'].entries()) {
      sink.room = rooms[index]?.promise ?? null;
      stdout.write(letter);
      await microtasks();
      await microtasks();
      expect(sink.said.length).toBe(Math.min(index + 1, 1));
    }
    sink.room = rooms[1]?.promise ?? null;
    rooms[0]?.resolve(undefined);
    await microtasks();
    await microtasks();
    expect(sink.said).toEqual(['stdout:a', 'stdout:b']);
    sink.room = null;
    rooms[1]?.resolve(undefined);
    stdout.end();
    stderr.end();
    await all.ended;
    expect(sink.said).toEqual(['stdout:a', 'stdout:b', 'stdout:c', 'stderr end', 'stdout end']);
  });

  test('does not bound what a stopped source keeps, its own mark does', async () => {
    const { stdout, sink } = pump();
    sink.room = new Promise(() => undefined);
    stdout.write('a');
    await microtasks();
    expect(stdout.write(Buffer.alloc(stdout.readableHighWaterMark + 1))).toBe(false);
    await microtasks();
    expect(sink.said).toEqual(['stdout:a']);
  });
});

test('a stream that breaks has ended, and the other goes on', async () => {
  const { stdout, stderr, sink, pump: all } = pump();
  stdout.destroy(new Error('EIO'));
  await microtasks();
  stderr.end('b');
  await all.ended;
  expect(sink.said).toEqual(['stdout end', 'stderr:b', 'stderr end']);
});

test('who gives up ends every stream', async () => {
  const { stdout, sink, pump: all } = pump();
  stdout.write('a');
  await microtasks();
  all.abandon();
  await all.ended;
  expect(sink.said).toEqual(['stdout:a', 'stdout end', 'stderr end']);
});

test('who gives up also ends a stream that waits for room', async () => {
  const { stdout, sink, pump: all } = pump();
  const room = Promise.withResolvers<undefined>();
  sink.room = room.promise;
  stdout.write('a');
  await microtasks();
  stdout.write('b');
  all.abandon();
  await all.ended;
  room.resolve(undefined);
  await microtasks();
  expect(sink.said).toEqual(['stdout:a', 'stdout end', 'stderr end']);
});

describe('settling', () => {
  test('waits while every turn brings more', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const sink = new Sink();
    const all = new OutputPump(new Map([['stdout', letters(5)]]), sink);
    await all.settle();
    expect(sink.said).toEqual(['stdout:a', 'stdout:b', 'stdout:c', 'stdout:d', 'stdout:e']);
  });

  test('is over at once when every stream has ended', async () => {
    const { stdout, stderr, sink, pump: all } = pump();
    stdout.end('a');
    stderr.end();
    await all.ended;
    let hasTurned = false;
    setImmediate(() => {
      hasTurned = true;
    });
    await all.settle();
    expect([sink.said.includes('stdout:a'), hasTurned]).toEqual([true, false]);
  });

  test('of a stream that never rests ends all the same', async () => {
    const sink = new Sink();
    const endless = letters(Infinity);
    const all = new OutputPump(new Map([['stdout', endless]]), sink);
    await all.settle();
    expect(sink.said.length).toBeGreaterThan(1);
    endless.destroy();
    await all.ended;
  });
});
