import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, vi } from 'vitest';
import { ProcessionError } from '../../../src/errors.ts';
import type { StdinLimits } from '../../../src/process/stdin.ts';
import { StdinQueue } from '../../../src/process/stdin.ts';
import { printedNumbers, start, startScript } from './children.ts';
import { eventually } from '../../support/eventually.ts';
import { HeldPipe } from './held-pipe.ts';

/** No stall within the life of a test. */
const patient: StdinLimits = { queueBytesMax: 10, stallMs: 3_600_000, writeIdsMax: 1024 };
const impatient: StdinLimits = { ...patient, stallMs: 30 };

function bytes(text: string): Buffer {
  return Buffer.from(text);
}

function accepted(accepted_bytes: number, stdin_bytes: number): object {
  return { status: 'accepted', accepted_bytes, stdin_bytes };
}

/** A rejection as the caller sees it. */
async function refusal(write: Promise<unknown>): Promise<object> {
  try {
    return { resolved: await write };
  } catch (error) {
    if (!(error instanceof ProcessionError)) throw error;
    return { code: error.code, ...error.members };
  }
}

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const turns = new Promise((resolve) => setTimeout(resolve, 20, 'pending'));
  return (await Promise.race([promise.catch(() => null), turns])) === 'pending';
}

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield await Promise.resolve(bytes(text));
}

async function* cutAfter(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  yield* pieces(...texts);
  throw new Error('cut');
}

describe('the standard input', () => {
  it('has room that is seen after the time to wait for it, but in the same turn', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const pipe = new HeldPipe();
    const stdin = new StdinQueue(pipe, impatient);
    await stdin.write({ chunk: bytes('1234567890') });
    const over = stdin.write({ chunk: bytes('abc') });
    await Promise.resolve();
    vi.advanceTimersByTime(30);
    pipe.takeAll();
    vi.useRealTimers();
    expect(await over).toEqual(accepted(3, 13));
  });

  it('accepts up to its bound what is not taken yet', async () => {
    const pipe = new HeldPipe();
    const stdin = new StdinQueue(pipe, patient);
    expect(await stdin.write({ chunk: bytes('123456789') })).toEqual(accepted(9, 9));
    expect(await stdin.write({ chunk: bytes('0') })).toEqual(accepted(1, 10));
    const over = stdin.write({ chunk: bytes('abc') });
    expect(await isPending(over)).toBe(true);
    pipe.takeAll();
    expect(await over).toEqual(accepted(3, 13));
    await eventually(
      () => pipe.text,
      (text) => text === '1234567890abc',
    );
  });

  it('takes writes one after the other in order of arrival', async () => {
    const pipe = new HeldPipe();
    const stdin = new StdinQueue(pipe, patient);
    const first = stdin.write({ chunk: pieces('a'.repeat(25), 'A') });
    const second = stdin.write({ chunk: bytes('b') });
    const third = stdin.write({ chunk: pieces('c') });
    expect(await isPending(second)).toBe(true);
    pipe.takeAll();
    const results = await Promise.all([first, second, third]);
    expect(results).toEqual([accepted(26, 26), accepted(1, 27), accepted(1, 28)]);
    await eventually(
      () => pipe.text,
      (text) => text === `${'a'.repeat(25)}Abc`,
    );
  });

  it('asks for the next piece only when the last one was accepted', async () => {
    let asked = 0;
    const chunk = (async function* () {
      for (;;) {
        asked += 1;
        yield await Promise.resolve(bytes('12345'));
      }
    })();
    const pipe = new HeldPipe();
    const stdin = new StdinQueue(pipe, patient);
    const write = refusal(stdin.write({ chunk }));
    await eventually(
      () => asked,
      (count) => count === 3,
    );
    expect(await isPending(write)).toBe(true);
    expect({ asked, length: pipe.writableLength }).toEqual({ asked: 3, length: 5 });
    stdin.close();
    expect(await write).toEqual({ code: 'stdin_closed', accepted_bytes: 10 });
  });

  it('is full when nothing was taken for a while, and says how much was accepted', async () => {
    const stdin = new StdinQueue(new HeldPipe(), impatient);
    await stdin.write({ chunk: bytes('1234') });
    const full = { code: 'stdin_full', stdin_bytes: 10 };
    const write = stdin.write({ chunk: bytes('567890abc') });
    expect(await refusal(write)).toEqual({ ...full, accepted_bytes: 6 });
    expect(await refusal(stdin.write({ chunk: pieces('x') }))).toEqual({
      ...full,
      accepted_bytes: 0,
    });
    expect(stdin.isOpen).toBe(true);
  });

  it('accepts nothing and end of file when it is full', async () => {
    const pipe = new HeldPipe();
    const stdin = new StdinQueue(pipe, impatient);
    await stdin.write({ chunk: bytes('1234567890') });
    expect(await stdin.write({ chunk: bytes(''), eof: true })).toEqual(accepted(0, 10));
    pipe.takeAll();
    await eventually(
      () => pipe.writableFinished,
      (isFinished) => isFinished,
    );
    expect(pipe.text).toBe('1234567890');
  });

  it('ends after the bytes of a write with eof, and is closed', async () => {
    const child = await start(['cat'], { pipeStdin: true });
    const stdin = new StdinQueue(child.stdin, patient);
    expect(stdin.isOpen).toBe(true);
    const chunk = bytes('more than the bound\n');
    expect(await stdin.write({ chunk, eof: true })).toEqual(accepted(20, 20));
    expect(stdin.isOpen).toBe(false);
    expect(await refusal(stdin.write({ chunk }))).toEqual({ code: 'stdin_closed' });
    expect(await buffer(child.stdout)).toEqual(chunk);
  });

  it('brings a big upload to a child byte for byte', async () => {
    const child = await start(['cat'], { pipeStdin: true });
    const stdin = new StdinQueue(child.stdin, { ...patient, queueBytesMax: 1_048_576 });
    const upload = randomBytes(5_000_000);
    const [output, result] = await Promise.all([
      buffer(child.stdout),
      stdin.write({ chunk: upload, eof: true }),
    ]);
    expect(result).toEqual(accepted(5_000_000, 5_000_000));
    expect(output.equals(upload)).toBe(true);
  });

  it('was never open without a pipe', async () => {
    const stdin = new StdinQueue(null, patient);
    expect(stdin.isOpen).toBe(false);
    expect(await refusal(stdin.write({ chunk: bytes('a') }))).toEqual({ code: 'stdin_closed' });
  });

  it('closes, and every write that waits is refused, when the child closes its end', async () => {
    const script = 'read line; exec <&-; echo 1; sleep 60';
    const child = await startScript(script, { pipeStdin: true });
    const stdin = new StdinQueue(child.stdin, { ...patient, queueBytesMax: 1000 });
    const big = refusal(stdin.write({ chunk: bytes(`line\n${'x'.repeat(1_000_000)}`) }));
    const next = refusal(stdin.write({ chunk: pieces('a') }));
    await printedNumbers(child);
    expect(await big).toEqual({
      code: 'stdin_closed',
      accepted_bytes: expect.any(Number) as unknown,
    });
    expect(await next).toEqual({ code: 'stdin_closed' });
    expect(stdin.isOpen).toBe(false);
  });

  it('refuses every write that waits when the process is gone, even on its client', async () => {
    const stdin = new StdinQueue(new HeldPipe(), patient);
    let isLeft = false;
    const silent: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => undefined),
        return: () => {
          isLeft = true;
          return Promise.reject(new Error('nobody listens'));
        },
      }),
    };
    const writes = [silent, bytes('b'), pieces('c')].map((chunk) =>
      refusal(stdin.write({ chunk })),
    );
    expect(await isPending(Promise.race(writes))).toBe(true);
    stdin.close();
    stdin.close();
    expect(await Promise.all(writes)).toEqual(Array(3).fill({ code: 'stdin_closed' }));
    expect(isLeft).toBe(true);
  });

  it('keeps what was accepted of a cut upload, and goes on', async () => {
    const pipe = new HeldPipe();
    pipe.takeAll();
    const stdin = new StdinQueue(pipe, patient);
    await expect(stdin.write({ chunk: cutAfter('ab', 'c') })).rejects.toThrow('cut');
    expect(await stdin.write({ chunk: bytes('d') })).toEqual(accepted(1, 4));
    await eventually(
      () => pipe.text,
      (text) => text === 'abcd',
    );
  });
});
