import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ExecProcess } from '../../src/exec-backend.ts';
import type { StreamEvent } from '../../src/log/event.ts';
import type { OpenBackend } from './driving.ts';
import {
  allOf,
  bytesOf,
  closeOf,
  directory,
  exitOf,
  exitedBy,
  follow,
  output,
  outputOf,
  refusalOf,
  run,
  runToClose,
  someOf,
  textWhen,
} from './driving.ts';

/** How events are followed. */
export function describeEvents(open: OpenBackend): void {
  describe('a stream of events', () => {
    it('gives each event the next number: output, the exit, the close', async () => {
      const process = await run(await open(), gated, { pipe_stdin: true });
      const stream = await follow(process);
      expect(await someOf(stream, 1)).toEqual([output(1, 'out')]);
      await process.write({ chunk: Buffer.from('\n') });
      expect(await someOf(stream, 1)).toEqual([output(2, 'err', 'stderr')]);
      await process.write({ chunk: Buffer.from('\n') });
      expect(await allOf(stream)).toEqual(gatedEvents.slice(2));
      expect(await stream.next(0)).toBeNull();
    });

    it.each([
      ['the replay', 'replay'],
      ['the retained output', 'retained'],
    ] as const)('is replayed after the close from %s', async (_name, from) => {
      const process = await runGated(await open());
      expect(await allOf(await follow(process, 0, from))).toEqual(gatedEvents);
      expect(await allOf(await follow(process, null, from))).toEqual(gatedEvents);
    });

    it.each([1, 2, 3])('goes on after cursor %i', async (after_seq) => {
      const process = await runGated(await open());
      expect(await allOf(await follow(process, after_seq))).toEqual(gatedEvents.slice(after_seq));
    });

    it('is joined in the middle without a gap and without a repetition', async () => {
      const process = await run(await open(), gated, { pipe_stdin: true });
      await textWhen(process, 'out');
      const stream = await follow(process);
      await process.write({ chunk: Buffer.from('\n\n') });
      expect(await allOf(stream)).toEqual(gatedEvents);
    });

    it('is given whole to each of several readers', async () => {
      const process = await run(await open(), 'seq 1000; exec seq 1000 2000');
      const streams = await Promise.all(Array.from({ length: 5 }, () => follow(process)));
      const [first, ...others] = await Promise.all(
        streams.map(async (stream) => described(await allOf(stream))),
      );
      for (const other of others) expect(other).toEqual(first);
    });

    it('is silent with no events when nothing comes in time', async () => {
      const process = await run(await open(), 'exec sleep 60');
      const stream = await follow(process);
      expect(await stream.next(0)).toEqual([]);
      expect(await stream.next(20)).toEqual([]);
      stream.close();
    });

    it('that is closed gives null, to a call under way too', async () => {
      const process = await run(await open(), 'exec sleep 60');
      const stream = await follow(process);
      const next = stream.next(60_000);
      stream.close();
      expect([await next, await stream.next(60_000)]).toEqual([null, null]);
    });

    it('has nothing to begin with at the end of a closed log', async () => {
      const process = await runGated(await open());
      for (const from of ['replay', 'retained'] as const) {
        const subscription = await process.subscribeEvents({ after_seq: 4, from });
        expect(subscription).toEqual({ kind: 'ended' });
      }
    });

    it('is refused to a cursor ahead of the log', async () => {
      const process = await runGated(await open());
      const ahead = { code: 'cursor_ahead', head_seq: 4, next_seq: 5 };
      for (const from of ['replay', 'retained'] as const) {
        expect(await refusalOf(process.subscribeEvents({ after_seq: 5, from }))).toEqual(ahead);
      }
    });
  });

  describe('an exit', () => {
    it('comes before the output of a grandchild that holds the pipe; the close is last', async () => {
      const fifo = path.join(directory(), 'fifo');
      const process = await run(
        await open(),
        `mkfifo '${fifo}'; (read x < '${fifo}'; echo late) & exit 5`,
      );
      await exitOf(process);
      expect(await process.snapshot()).toMatchObject({ state: 'exited', exit_code: 5 });
      writeFileSync(fifo, '\n');
      const events = await allOf(await follow(process));
      expect(events).toEqual([
        { type: 'exited', seq: 1, ...exitedBy(5) },
        output(2, 'late\n'),
        { type: 'closed', seq: 3, ...exitedBy(5), output_incomplete: false },
      ]);
    });

    it('is followed by a close that waits no longer than drain_ms', async () => {
      const process = await run(await open(), 'echo early; sleep 60 & exit 0', { drain_ms: 50 });
      expect(await allOf(await follow(process))).toEqual([
        output(1, 'early\n'),
        { type: 'exited', seq: 2, ...exitedBy(0) },
        { type: 'closed', seq: 3, ...exitedBy(0), output_incomplete: true },
      ]);
      expect(await process.read({})).toMatchObject({ closed: true, output_incomplete: true });
      await process.terminate({ grace_ms: 0 });
    });
  });

  describe('bytes', () => {
    it('of every value come as they were written', async () => {
      const process = await run(await open(), 'cat', { pipe_stdin: true });
      const all = Buffer.from(Array.from({ length: 256 }, (_value, byte) => byte));
      await process.write({ chunk: all, eof: true });
      const events = await allOf(await follow(process));
      expect(bytesOf(outputOf(events))).toEqual(all);
    });

    it('come exactly, a mebibyte of them, in events of at most 32 000', async () => {
      const process = await run(await open(), 'cat', { pipe_stdin: true });
      const random = randomBytes(1024 * 1024);
      await process.write({ chunk: random, eof: true });
      const output = outputOf(await allOf(await follow(process, 0, 'retained')));
      expect(sha256(bytesOf(output))).toBe(sha256(random));
      expect(Math.max(...output.map(({ chunk }) => chunk.length))).toBeLessThanOrEqual(32_000);
    });

    it('of a character that was written in two parts come exactly', async () => {
      const process = await run(await open(), 'cat', { pipe_stdin: true });
      const stream = await follow(process);
      const euro = Buffer.from('a€');
      await process.write({ chunk: euro.subarray(0, 2) });
      expect(bytesOf(outputOf(await someOf(stream, 1)))).toEqual(Buffer.from('a'));
      await process.write({ chunk: euro.subarray(2), eof: true });
      expect(bytesOf(outputOf(await allOf(stream)))).toEqual(euro.subarray(1));
    });
  });

  describe('a small replay', () => {
    it('makes an old cursor lag; the retained output has all of it', async () => {
      const process = await runToClose(await open({ REPLAY_EVENTS_MAX: 2 }), 'printf out');
      expect(await process.subscribeEvents({ after_seq: 0, from: 'replay' })).toEqual({
        kind: 'lagged',
        after_seq: 0,
      });
      expect(await allOf(await follow(process, null))).toEqual(lastTwo);
      expect(await allOf(await follow(process, 1))).toEqual(lastTwo);
      const all = await allOf(await follow(process, 0, 'retained'));
      expect(all).toEqual([output(1, 'out'), ...lastTwo]);
    });

    it('ends the stream of a reader that falls behind, where the retained output goes on', async () => {
      const backend = await open({ REPLAY_BYTES_MAX: 64 * 1024 });
      const script = 'read x; exec head -c 24000000 /dev/zero';
      const process = await run(backend, script, { pipe_stdin: true });
      const stream = await follow(process);
      await process.write({ chunk: Buffer.from('\n') });
      await exitOf(process);
      const events = await allOf(stream);
      const last = events.at(-1);
      const given = outputOf(events);
      expect(last).toEqual({ type: 'lagged', after_seq: given.at(-1)?.seq ?? 0 });
      expect(events).toHaveLength(given.length + 1);
      const rest = await allOf(await follow(process, given.at(-1)?.seq ?? 0, 'retained'));
      const output = [...given, ...outputOf(rest)];
      expect(output.map(({ seq }) => seq)).toEqual(output.map((_event, index) => index + 1));
      expect(bytesOf(output)).toHaveLength(24_000_000);
    });
  });

  describe('a small bound of retained output', () => {
    const settings = { RETAINED_OUTPUT_BYTES_MAX: 65_536 };
    const total = 1_000_000;
    const script = `exec head -c ${total} /dev/zero`;

    it('makes a gap that says what is missing, to the byte', async () => {
      const process = await runToClose(await open(settings), script);
      const events = await allOf(await follow(process, 0, 'retained'));
      const [gap, ...rest] = events;
      const received = bytesOf(outputOf(rest)).length;
      const { first_retained_seq, evicted_bytes } = await process.snapshot();
      const missing = { from_seq: 1, to_seq: first_retained_seq - 1, bytes: total - received };
      expect(gap).toEqual({ type: 'gap', ...missing });
      expect(evicted_bytes).toBe(missing.bytes);
      expect(rest.filter(({ type }) => type === 'gap')).toEqual([]);
      expect((await process.read({})).gap).toEqual(missing);
    });

    it('is no gap for a reader that asks for the oldest', async () => {
      const process = await runToClose(await open(settings), script);
      const { first_retained_seq } = await process.snapshot();
      const [first] = await allOf(await follow(process, null, 'retained'));
      expect(first).toMatchObject({ type: 'output', seq: first_retained_seq });
    });
  });
}

const gated = 'printf out; read x; printf err >&2; read y; exit 7';

const gatedEvents = [
  output(1, 'out'),
  output(2, 'err', 'stderr'),
  { type: 'exited', seq: 3, ...exitedBy(7) },
  { type: 'closed', seq: 4, ...exitedBy(7), output_incomplete: false },
];

const lastTwo = [
  { type: 'exited', seq: 2, ...exitedBy(0) },
  { type: 'closed', seq: 3, ...exitedBy(0), output_incomplete: false },
];

async function runGated(backend: Awaited<ReturnType<OpenBackend>>): Promise<ExecProcess> {
  const process = await run(backend, gated, { pipe_stdin: true });
  await textWhen(process, 'out');
  await process.write({ chunk: Buffer.from('\n') });
  await textWhen(process, 'err');
  await process.write({ chunk: Buffer.from('\n') });
  await closeOf(process);
  return process;
}

function described(events: readonly StreamEvent[]): readonly string[] {
  return events.map((event) =>
    JSON.stringify({ ...event, chunk: event.type === 'output' ? sha256(event.chunk) : null }),
  );
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
