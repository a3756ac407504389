import { describe, expect, it } from 'vitest';
import type { ExecBackend, ExecProcess } from '../../src/exec-backend.ts';
import type { StartParams } from '../../src/exec-types.ts';
import type { OpenBackend } from './driving.ts';
import {
  allOf,
  closeOf,
  exitedBy,
  follow,
  refusalOf,
  run,
  runToClose,
  snapshotWhen,
  textAtClose,
  textWhen,
} from './driving.ts';

/** How processes run on a terminal. */
export function describeTerminal(open: OpenBackend): void {
  describe('a terminal', () => {
    it('is of 24 rows and 80 columns, or of the size that is asked for', async () => {
      const backend = await open();
      const usual = await terminal(backend, 'stty size');
      expect(await textAtClose(usual)).toBe('24 80\r\n');
      expect(await usual.snapshot()).toMatchObject({ tty: true, size: { rows: 24, cols: 80 } });
      const size = { rows: 1, cols: 65_535 };
      const odd = await terminal(backend, 'stty size', { size });
      expect(await textAtClose(odd)).toBe('1 65535\r\n');
      expect(await odd.snapshot()).toMatchObject({ tty: true, size });
    });

    it('has one stream, then the exit and the close', async () => {
      const process = await terminal(await open(), 'echo out; echo err >&2; exit 3');
      const events = await allOf(await follow(process));
      const output = events.filter((event) => event.type === 'output');
      expect(output.map(({ stream }) => stream)).toEqual(output.map(() => 'pty'));
      expect(Buffer.concat(output.map(({ chunk }) => chunk)).toString()).toBe('out\r\nerr\r\n');
      expect(events.slice(output.length)).toMatchObject([
        { type: 'exited', ...exitedBy(3) },
        { type: 'closed', ...exitedBy(3), output_incomplete: false },
      ]);
    });

    it('can be written to without pipe_stdin, and more than once to its end of file', async () => {
      const process = await terminal(await open(), 'stty -echo; echo up; cat; cat; echo over');
      await textWhen(process, 'up');
      expect(await process.snapshot()).toMatchObject({ pipe_stdin: false, stdin: 'open' });
      const first = { chunk: Buffer.from('one\n'), eof: true, write_id: 'w' };
      expect(await process.write(first)).toMatchObject({ accepted_bytes: 4, stdin_bytes: 4 });
      await textWhen(process, 'one');
      expect(await process.write(first)).toMatchObject({ accepted_bytes: 4, stdin_bytes: 4 });
      await process.write({ chunk: Buffer.from('two\n'), eof: true });
      expect(await textAtClose(process)).toBe('up\r\none\r\ntwo\r\nover\r\n');
      const late = process.write({ chunk: Buffer.from('x') });
      expect(await refusalOf(late)).toMatchObject({ code: 'stdin_closed' });
      expect(await process.write(first)).toMatchObject({ accepted_bytes: 4, stdin_bytes: 4 });
    });

    it('interrupts its foreground process', async () => {
      const script = 'trap "echo caught" INT; sleep 60; echo over';
      const process = await terminal(await open(), `echo up; ${script}`);
      await textWhen(process, 'up');
      await process.write({ chunk: Buffer.from('\u0003') });
      expect(await textAtClose(process)).toContain('caught\r\nover\r\n');
    });

    it('is ended with all that runs on it', async () => {
      const process = await terminal(await open(), 'trap "" HUP TERM; sleep 60 & echo up; wait');
      await textWhen(process, 'up');
      const result = await process.terminate({ grace_ms: 0, wait_ms: 20_000 });
      expect(result).toMatchObject({ survivors: [], state: 'closed', exit_reason: 'terminated' });
    });
  });

  describe('a resize', () => {
    it('is seen by the process, and is remembered', async () => {
      const script = 'trap "stty size; exit" WINCH; echo up; while :; do sleep 0.01; done';
      const process = await terminal(await open(), script);
      await textWhen(process, 'up');
      const size = { rows: 50, cols: 132 };
      expect(await process.resize(size)).toMatchObject({ size, state: 'running' });
      expect(await textAtClose(process)).toContain('50 132\r\n');
      expect(await process.snapshot()).toMatchObject({ size });
    });

    it('is refused after the exit, whatever still holds the terminal', async () => {
      const process = await terminal(await open(), 'trap "" HUP; sleep 60 & exit 0');
      await snapshotWhen(process, ({ state }) => state !== 'running');
      const late = await refusalOf(process.resize({ rows: 1, cols: 1 }));
      expect(late).toEqual({ code: 'process_exited' });
      await process.terminate({ grace_ms: 0 });
      await closeOf(process);
      expect(await refusalOf(process.resize({ rows: 1, cols: 1 }))).toEqual(late);
    });

    it('is refused without a terminal', async () => {
      const backend = await open();
      const process = await run(backend, 'exec sleep 60');
      const refusal = await refusalOf(process.resize({ rows: 1, cols: 1 }));
      expect(refusal).toEqual({ code: 'not_a_terminal' });
      const over = await runToClose(backend, ':');
      const late = await refusalOf(over.resize({ rows: 1, cols: 1 }));
      expect(late).toEqual({ code: 'process_exited' });
    });
  });
}

function terminal(
  backend: ExecBackend,
  script: string,
  params: Partial<StartParams> = {},
): Promise<ExecProcess> {
  return run(backend, script, { tty: true, ...params });
}
