import { afterEach, describe, expect, test, vi } from 'vitest';
import type { StreamName } from '../../../src/log/event.ts';
import { microtasks } from './fixtures.ts';
import type { Published } from './published.ts';
import { publish, textOf } from './published.ts';

afterEach(() => {
  vi.useRealTimers();
});

describe('a divided character', () => {
  /** Fakes the clock and pushes, letting appends pass after each. */
  async function typing(): Promise<
    Published & {
      readonly write: (stream: StreamName, bytes: readonly number[]) => Promise<void>;
      readonly pass: (ms: number) => Promise<void>;
    }
  > {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const published = await publish();
    const pass = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 1) {
        vi.advanceTimersByTime(1);
        await microtasks();
        await microtasks();
      }
    };
    const write = async (stream: StreamName, bytes: readonly number[]): Promise<void> => {
      published.say(stream, bytes);
      await pass(4);
    };
    return { ...published, write, pass };
  }

  test('is whole when its rest comes within 50 ms', async () => {
    const { write, pass, batches } = await typing();
    await write('stdout', [0xe2, 0x82]);
    await pass(40);
    await write('stdout', [0xac]);
    await pass(100);
    expect(batches.map(textOf)).toEqual(['€']);
  });

  test('is let go after 50 ms', async () => {
    const { say, pass, batches } = await typing();
    say('stdout', [0x61, 0xe2, 0x82]);
    await pass(49);
    expect(batches.map(textOf)).toEqual(['a']);
    await pass(2);
    expect(batches.flat().at(-1)).toEqual({
      type: 'output',
      seq: 2,
      stream: 'stdout',
      chunk: Buffer.of(0xe2, 0x82),
    });
  });

  test('is let go after 50 ms however busy the other stream is', async () => {
    const { write, pass, batches } = await typing();
    await write('stdout', [0xe2]);
    for (let count = 0; count < 14; count += 1) await write('stderr', [0x2e]);
    await pass(4);
    expect(batches.flat()).toContainEqual(
      expect.objectContaining({ stream: 'stdout', chunk: Buffer.of(0xe2) }),
    );
  });

  test('of a busy stream is not cut by the time of an earlier one', async () => {
    const { write, pass, batches } = await typing();
    await write('stdout', [0xe2]);
    for (let count = 0; count < 30; count += 1) await write('stdout', [0x82, 0xac, 0xe2]);
    await write('stdout', [0x82, 0xac]);
    await pass(100);
    expect(batches.map(textOf)).toEqual(Array.from({ length: 31 }, () => '€'));
  });

  test('whose rest waits for an append is not cut', async () => {
    const { say, engine, pass, batches, write } = await typing();
    await write('stdout', [0xe2]);
    const slow = Promise.withResolvers<undefined>();
    engine.before = () => slow.promise;
    await write('stderr', [0x2e]);
    say('stdout', [0x82, 0xac, 0xe2]);
    await pass(60);
    engine.before = () => undefined;
    slow.resolve(undefined);
    await pass(60);
    say('stdout', [0x82, 0xac]);
    await pass(100);
    expect(batches.map(textOf)).toEqual(['.', '€', '€']);
  });

  test('is let go by the end of its stream', async () => {
    const { publisher, write, pass, batches } = await typing();
    await write('stdout', [0xe2]);
    publisher.end('stdout');
    await pass(4);
    expect(batches.flat().map((event) => event.type === 'output' && event.chunk)).toEqual([
      Buffer.of(0xe2),
    ]);
  });
});
