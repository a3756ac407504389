import { describe, expect, it } from 'vitest';
import { ProcessionError } from '../../../src/errors.ts';
import type { WriteParams } from '../../../src/exec-types.ts';
import { StdinQueue } from '../../../src/process/stdin.ts';
import { eventually } from '../../support/eventually.ts';
import { HeldPipe } from './held-pipe.ts';

const limits = { queueBytesMax: 10, stallMs: 30, writeIdsMax: 1024 };
const conflict = { code: 'write_id_conflict' };

function write(text: string, changes: Partial<WriteParams> = {}): WriteParams {
  return { chunk: Buffer.from(text), write_id: 'w', ...changes };
}

/** The same text, in pieces of one byte. */
function uploaded(text: string, isCut = false): WriteParams {
  return write(text, { chunk: bytewise(text, isCut) });
}

async function* bytewise(text: string, isCut: boolean): AsyncGenerator<Uint8Array> {
  for (const byte of Buffer.from(text)) yield await Promise.resolve(Uint8Array.of(byte));
  if (isCut) throw new Error('cut');
}

async function outcome(written: Promise<object>): Promise<object> {
  try {
    return await written;
  } catch (error) {
    if (!(error instanceof ProcessionError)) throw error;
    return { code: error.code, ...error.members };
  }
}

function accepted(accepted_bytes: number, stdin_bytes: number): object {
  return { status: 'accepted', accepted_bytes, stdin_bytes };
}

function free(): { pipe: HeldPipe; stdin: StdinQueue } {
  const pipe = new HeldPipe();
  pipe.takeAll();
  return { pipe, stdin: new StdinQueue(pipe, limits) };
}

async function taken(pipe: HeldPipe, expected: string): Promise<void> {
  await eventually(
    () => pipe.text,
    (text) => text.length >= expected.length,
  );
  expect(pipe.text).toBe(expected);
}

describe('a write with a write_id', () => {
  it('is written once and answered the same', async () => {
    const { pipe, stdin } = free();
    const first = await stdin.write(write('abc'));
    await stdin.write(write('d', { write_id: 'other' }));
    expect(first).toEqual(accepted(3, 3));
    expect(await stdin.write(write('abc'))).toEqual(first);
    expect(await stdin.write(uploaded('abc'))).toEqual(first);
    await taken(pipe, 'abcd');
  });

  it.each(['abd', 'ab', 'abcd', '', 'xbc'])('is refused with other bytes: %j', async (text) => {
    const { pipe, stdin } = free();
    await stdin.write(write('abc'));
    expect(await outcome(stdin.write(write(text)))).toEqual(conflict);
    expect(await outcome(stdin.write(uploaded(text)))).toEqual(conflict);
    await taken(pipe, 'abc');
  });

  it('is refused when only one of the two ends the input', async () => {
    const { stdin } = free();
    await stdin.write(write('abc'));
    expect(await outcome(stdin.write(write('abc', { eof: true })))).toEqual(conflict);
    expect(stdin.isOpen).toBe(true);
  });

  it('that is in flight is waited for by its repetition, which then compares', async () => {
    const pipe = new HeldPipe();
    const stdin = new StdinQueue(pipe, { ...limits, stallMs: 3_600_000 });
    const text = 'x'.repeat(25);
    const outcomes = [text, text, 'other'].map((each) => outcome(stdin.write(write(each))));
    pipe.takeAll();
    expect(await Promise.all(outcomes)).toEqual([accepted(25, 25), accepted(25, 25), conflict]);
    await taken(pipe, text);
  });

  it('is answered the same after the end of the input', async () => {
    const { stdin } = free();
    const last = await stdin.write(write('abc', { eof: true }));
    stdin.close();
    expect(await stdin.write(write('abc', { eof: true }))).toEqual(last);
    expect(await outcome(stdin.write(write('abd', { eof: true })))).toEqual(conflict);
    const fresh = write('', { write_id: 'new', eof: true });
    expect(await outcome(stdin.write(fresh))).toEqual({ code: 'stdin_closed' });
  });

  it('goes on after the accepted bytes when the input was full', async () => {
    const pipe = new HeldPipe();
    const stdin = new StdinQueue(pipe, limits);
    const text = 'abcdefghijklmnop';
    const full = { code: 'stdin_full', accepted_bytes: 10, stdin_bytes: 10 };
    expect(await outcome(stdin.write(write(text)))).toEqual(full);
    expect(await outcome(stdin.write(uploaded(text)))).toEqual(full);
    pipe.takeAll();
    expect(await stdin.write(uploaded(text))).toEqual(accepted(16, 16));
    expect(await stdin.write(write(text))).toEqual(accepted(16, 16));
    await taken(pipe, text);
  });

  it('goes on after the accepted bytes when its upload was cut, even while it repeats them', async () => {
    const { pipe, stdin } = free();
    await expect(stdin.write(uploaded('abcdef', true))).rejects.toThrow('cut');
    await expect(stdin.write(uploaded('abc', true))).rejects.toThrow('cut');
    await stdin.write(write('-', { write_id: 'other' }));
    expect(await stdin.write(uploaded('abcdefgh'))).toEqual(accepted(8, 9));
    await taken(pipe, 'abcdef-gh');
  });

  it.each(['abcdXf', 'abc', 'Xbcdefgh', ''])(
    'is refused when the accepted bytes do not come again: %j',
    async (text) => {
      const { pipe, stdin } = free();
      await expect(stdin.write(uploaded('abcdef', true))).rejects.toThrow('cut');
      expect(await outcome(stdin.write(write(text)))).toEqual(conflict);
      expect(await outcome(stdin.write(uploaded(text)))).toEqual(conflict);
      expect(await stdin.write(write('abcdef'))).toEqual(accepted(6, 6));
      await taken(pipe, 'abcdef');
    },
  );

  it('that stopped part-way says so again when the input is closed', async () => {
    const { stdin } = free();
    await expect(stdin.write(uploaded('abc', true))).rejects.toThrow('cut');
    stdin.close();
    const closed = { code: 'stdin_closed', accepted_bytes: 3 };
    expect(await outcome(stdin.write(uploaded('abcdef')))).toEqual(closed);
  });

  it.each([
    [1023, 'same'],
    [1024, 'written again'],
  ])('is, after %i others, %s', async (others, fact) => {
    const { stdin } = free();
    const first = await stdin.write(write('a'));
    for (let other = 0; other < others; other += 1) {
      await stdin.write(write('b', { write_id: String(other) }));
    }
    const again = await stdin.write(write('a'));
    expect(again).toEqual(fact === 'same' ? first : accepted(1, others + 2));
  });

  it('is not remembered when nothing of it was accepted', async () => {
    const pipe = new HeldPipe();
    const stdin = new StdinQueue(pipe, limits);
    await stdin.write(write('1234567890', { write_id: 'other' }));
    const full = { code: 'stdin_full', accepted_bytes: 0, stdin_bytes: 10 };
    expect(await outcome(stdin.write(write('a')))).toEqual(full);
    pipe.takeAll();
    expect(await stdin.write(write('b'))).toEqual(accepted(1, 11));
  });
});
