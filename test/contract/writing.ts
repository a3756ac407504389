import { describe, expect, it } from 'vitest';
import { ProcessionError } from '../../src/errors.ts';
import type { ExecProcess } from '../../src/exec-backend.ts';
import { eventually } from '../support/eventually.ts';
import type { OpenBackend } from './driving.ts';
import {
  anyNumber,
  closeOf,
  refusalOf,
  run,
  runToClose,
  textAtClose,
  textWhen,
} from './driving.ts';

/** How the standard input is written to. */
export function describeWrite(open: OpenBackend): void {
  describe('a write', () => {
    it('is answered with its bytes and the total, and read by the child', async () => {
      const process = await cat(open);
      expect(await process.write({ chunk: text('hello ') })).toEqual(accepted(6, 6));
      expect(await process.write({ chunk: text('world') })).toEqual(accepted(5, 11));
      expect(await textWhen(process, 'world')).toBe('hello world');
    });

    it('with eof ends the input', async () => {
      const process = await cat(open);
      await process.write({ chunk: text('last'), eof: true });
      expect(await textAtClose(process)).toBe('last');
    });

    it('may be empty, with eof and without', async () => {
      const process = await cat(open);
      expect(await process.write({ chunk: text('') })).toEqual(accepted(0, 0));
      expect(await process.write({ chunk: text(''), eof: true })).toEqual(accepted(0, 0));
      expect(await textAtClose(process)).toBe('');
    });

    it('is refused without pipe_stdin, where the child reads the end at once', async () => {
      const process = await run(await open(), 'cat; exec sleep 60');
      const refusal = await refusalOf(process.write({ chunk: text('x') }));
      expect(refusal).toEqual({ code: 'stdin_closed' });
      expect(await process.snapshot()).toMatchObject({ stdin: 'closed', state: 'running' });
      expect(await textAtClose(await runToCloseCat(open))).toBe('');
    });

    it('is refused after eof and after the end of the process', async () => {
      const process = await cat(open);
      await process.write({ chunk: text(''), eof: true });
      const refused = { code: 'stdin_closed' };
      expect(await refusalOf(process.write({ chunk: text('x') }))).toEqual(refused);
      await closeOf(process);
      expect(await refusalOf(process.write({ chunk: text('x') }))).toEqual(refused);
    });

    it('of an iterable is taken piece by piece', async () => {
      const process = await cat(open);
      const pieces = async function* () {
        yield text('one ');
        await textWhen(process, 'one ');
        yield text('two ');
        await textWhen(process, 'two ');
        yield text('three');
      };
      expect(await process.write({ chunk: pieces(), eof: true })).toEqual(accepted(13, 13));
      expect(await textAtClose(process)).toBe('one two three');
    });

    it('rejects with what its iterable throws; what was accepted stays', async () => {
      const process = await cat(open);
      const broken = new Error('broken');
      const pieces = async function* () {
        yield text('kept');
        await textWhen(process, 'kept');
        throw broken;
      };
      await expect(process.write({ chunk: pieces() })).rejects.toBe(broken);
      await process.write({ chunk: text(', more'), eof: true });
      expect(await textAtClose(process)).toBe('kept, more');
    });

    it('waits for the one before it', async () => {
      const process = await cat(open);
      const gate = Promise.withResolvers<undefined>();
      const pieces = async function* () {
        yield text('first ');
        await gate.promise;
        yield text('still first ');
      };
      const first = process.write({ chunk: pieces() });
      await textWhen(process, 'first ');
      const second = process.write({ chunk: text('second'), eof: true });
      gate.resolve(undefined);
      await Promise.all([first, second]);
      expect(await textAtClose(process)).toBe('first still first second');
    });
  });

  describe('a write_id', () => {
    it('writes the same bytes once', async () => {
      const process = await cat(open);
      const write = { chunk: text('once '), write_id: 'w 1' };
      const answers = await Promise.all([1, 2, 3].map(() => process.write(write)));
      expect(answers).toEqual(Array.from({ length: 3 }, () => accepted(5, 5)));
      await process.write({ chunk: text('end'), eof: true });
      expect(await process.write(write)).toEqual(accepted(5, 5));
      expect(await textAtClose(process)).toBe('once end');
    });

    it('is refused with other bytes', async () => {
      const process = await cat(open);
      await process.write({ chunk: text('these'), write_id: 'w' });
      const conflict = { code: 'write_id_conflict' };
      const other = process.write({ chunk: text('those'), write_id: 'w' });
      expect(await refusalOf(other)).toEqual(conflict);
      const ending = process.write({ chunk: text('these'), write_id: 'w', eof: true });
      expect(await refusalOf(ending)).toEqual(conflict);
      expect(await textWhen(process, 'these')).toBe('these');
    });

    it('of a write that found no room goes on where it stopped', async () => {
      const backend = await open({ STDIN_STALL_MS: 50, STDIN_QUEUE_BYTES_MAX: 65_536 });
      const script = 'trap : USR1; echo up; sleep 60 & wait; cat | wc -c';
      const process = await run(backend, script, { pipe_stdin: true });
      await textWhen(process, 'up');
      const write = { chunk: Buffer.alloc(1_000_000, 'x'), write_id: 'big', eof: true };
      const refusal = await refusalOf(process.write(write));
      expect(refusal).toEqual({
        code: 'stdin_full',
        accepted_bytes: anyNumber,
        stdin_bytes: anyNumber,
      });
      await process.signal({ signal: 'SIGUSR1' });
      // It may not be read soon enough for the next one either.
      const answer = await eventually(
        () => process.write(write).catch((error: unknown) => error),
        (result) => !(result instanceof ProcessionError),
      );
      expect(answer).toEqual(accepted(1_000_000, 1_000_000));
      expect(await textAtClose(process)).toBe('up\n1000000\n');
    });
  });
}

async function cat(open: OpenBackend): Promise<ExecProcess> {
  return run(await open(), 'exec cat', { pipe_stdin: true });
}

async function runToCloseCat(open: OpenBackend): Promise<ExecProcess> {
  return runToClose(await open(), 'exec cat');
}

function text(value: string): Buffer {
  return Buffer.from(value);
}

function accepted(accepted_bytes: number, stdin_bytes: number): object {
  return { status: 'accepted', accepted_bytes, stdin_bytes };
}
