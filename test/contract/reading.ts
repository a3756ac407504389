import { describe, expect, it } from 'vitest';
import type { ExecProcess } from '../../src/exec-backend.ts';
import type { OutputPage } from '../../src/exec-types.ts';
import { emptyPage } from '../support/empty-page.ts';
import type { OpenBackend } from './driving.ts';
import {
  bytesOf,
  exitOf,
  exitedBy,
  refusalOf,
  run,
  runToClose,
  textOf,
  textWhen,
} from './driving.ts';

/** How pages of output are read. */
export function describeRead(open: OpenBackend): void {
  describe('a page', () => {
    it('of a closed process has its output and its end', async () => {
      const process = await runToClose(await open(), 'printf abc; exit 4');
      expect(await process.read({})).toEqual({
        chunks: [{ seq: 1, stream: 'stdout', chunk: Buffer.from('abc') }],
        next_seq: 4,
        head_seq: 3,
        first_retained_seq: 1,
        gap: null,
        exited: true,
        ...exitedBy(4),
        exit_seq: 2,
        closed: true,
        closed_seq: 3,
        output_incomplete: false,
        failure: null,
        failure_reason: null,
      });
    });

    it('of an empty log begins before its first event', async () => {
      const process = await run(await open(), 'exec sleep 60');
      expect(await process.read({})).toEqual(emptyPage);
    });

    it('keeps its output after the exit until the streams are closed, and after that', async () => {
      const process = await run(await open(), 'echo kept; sleep 60 & exit 0');
      await exitOf(process);
      const page = await process.read({});
      expect([textOf(page.chunks), page.closed]).toEqual(['kept\n', false]);
      await process.terminate({ grace_ms: 0, wait_ms: 20_000 });
      const last = await process.read({});
      expect([textOf(last.chunks), last.closed]).toEqual(['kept\n', true]);
    });

    it.each([0, 1])('has one whole chunk for max_bytes %i', async (max_bytes) => {
      const process = await threeChunks(await open());
      const page = await process.read({ max_bytes });
      expect([textOf(page.chunks), page.next_seq]).toEqual(['one', 2]);
    });

    it.each([
      [5, 'one'],
      [6, 'onetwo'],
      [10, 'onetwo'],
      [11, 'onetwothree'],
    ])('never splits a chunk: %i bytes', async (max_bytes, text) => {
      const process = await threeChunks(await open());
      expect(textOf((await process.read({ max_bytes })).chunks)).toBe(text);
    });

    it.each([0, 1, 1000, 100_000, 8 * 1024 * 1024])(
      'leads to the next: with %i bytes each event is visited once',
      async (max_bytes) => {
        const process = await runToClose(await open(), 'seq 20000; exec seq 20000 25000 >&2');
        const pages = await chain(process, max_bytes);
        const chunks = pages.flatMap((page) => page.chunks);
        const { head_seq, exit_seq, closed_seq } = await process.read({});
        const controls = new Set([exit_seq, closed_seq]);
        const seqs = Array.from({ length: head_seq }, (_value, index) => index + 1);
        expect(chunks.map(({ seq }) => seq)).toEqual(seqs.filter((seq) => !controls.has(seq)));
        const stdout = chunks.filter(({ stream }) => stream === 'stdout');
        const lines = bytesOf(stdout).toString().trimEnd().split('\n').map(Number);
        expect(lines).toEqual(Array.from({ length: 20_000 }, (_value, index) => index + 1));
      },
    );

    it('is refused to a cursor ahead of the log', async () => {
      const process = await runToClose(await open(), ':');
      expect(await refusalOf(process.read({ after_seq: 3 }))).toEqual({
        code: 'cursor_ahead',
        head_seq: 2,
        next_seq: 3,
      });
      expect(await process.read({ after_seq: 2 })).toMatchObject({ chunks: [], next_seq: 3 });
    });
  });

  describe('a long-poll', () => {
    const long = 60_000;

    it('answers at once when there is an event after the cursor', async () => {
      const process = await run(await open(), 'echo up; exec sleep 60');
      await textWhen(process, 'up');
      const page = await process.read({ wait_ms: long });
      expect(textOf(page.chunks)).toBe('up\n');
    });

    it('answers at once at the end of a closed log', async () => {
      const process = await runToClose(await open(), ':');
      expect(await process.read({ after_seq: 2, wait_ms: long })).toMatchObject({ closed: true });
    });

    it('is woken by output', async () => {
      const process = await run(await open(), 'cat', { pipe_stdin: true });
      const page = process.read({ wait_ms: long });
      await process.write({ chunk: Buffer.from('woken') });
      expect(textOf((await page).chunks)).toBe('woken');
    });

    it('is woken by the exit although there is no output', async () => {
      const process = await run(await open(), 'read x; exit 9', { pipe_stdin: true });
      const page = process.read({ wait_ms: long });
      await process.write({ chunk: Buffer.from('\n') });
      expect(await page).toMatchObject({ chunks: [], exited: true, exit_code: 9 });
    });

    it('ends at its deadline with an empty page', async () => {
      const process = await run(await open(), 'exec sleep 60');
      const before = performance.now();
      const page = await process.read({ wait_ms: 100 });
      expect(performance.now() - before).toBeGreaterThanOrEqual(99);
      expect(page).toMatchObject({ chunks: [], next_seq: 1, closed: false });
    });

    it('ends with an empty page when it is aborted', async () => {
      const process = await run(await open(), 'exec sleep 60');
      const abort = new AbortController();
      const page = process.read({ wait_ms: long }, abort.signal);
      abort.abort();
      expect(await page).toMatchObject({ chunks: [], next_seq: 1, closed: false });
      expect(await process.read({ wait_ms: long }, abort.signal)).toMatchObject({ chunks: [] });
    });
  });
}

async function threeChunks(backend: Awaited<ReturnType<OpenBackend>>): Promise<ExecProcess> {
  const process = await run(backend, 'cat', { pipe_stdin: true });
  let seen = '';
  for (const text of ['one', 'two', 'three']) {
    seen += text;
    await process.write({ chunk: Buffer.from(text) });
    await textWhen(process, seen);
  }
  return process;
}

async function chain(process: ExecProcess, max_bytes: number): Promise<readonly OutputPage[]> {
  const pages: OutputPage[] = [];
  let after_seq = 0;
  for (;;) {
    const page = await process.read({ after_seq, max_bytes });
    pages.push(page);
    if (page.closed_seq !== null && page.next_seq > page.closed_seq) return pages;
    expect(page.next_seq).toBeGreaterThan(after_seq + 1);
    after_seq = page.next_seq - 1;
  }
}
