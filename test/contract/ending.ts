import { describe, expect, it } from 'vitest';
import type { ExecProcess } from '../../src/exec-backend.ts';
import type { OpenBackend } from './driving.ts';
import {
  closeOf,
  exitOf,
  exitedBy,
  refusalOf,
  run,
  runToClose,
  textAtClose,
  textWhen,
} from './driving.ts';

/** How processes are signalled and ended. */
export function describeEnd(open: OpenBackend): void {
  describe('a signal', () => {
    it('reaches the child, which decides how it exits', async () => {
      const script = 'trap "exit 7" INT; echo up; while :; do sleep 0.01; done';
      const process = await run(await open(), script);
      await textWhen(process, 'up');
      expect(await process.signal({ signal: 'SIGINT' })).toMatchObject({ state: 'running' });
      expect(await endOf(process)).toEqual(exitedBy(7));
    });

    it('that the child does not catch is how it ends', async () => {
      const process = await run(await open(), 'exec sleep 60');
      await process.signal({ signal: 'SIGUSR1' });
      const by = { signal: 'SIGUSR1', exit_reason: 'signaled' };
      expect(await endOf(process)).toEqual(exitedBy(null, by));
    });

    it('with scope process reaches the leader alone', async () => {
      const child = '(trap "echo child" TERM; read x <&3; echo rest) &';
      const script = `exec 3<&0; ${child} trap "echo leader" TERM; echo up; wait; wait`;
      const process = await run(await open(), script, { pipe_stdin: true });
      await textWhen(process, 'up');
      await process.signal({ signal: 'SIGTERM', scope: 'process' });
      await textWhen(process, 'leader');
      await process.write({ chunk: Buffer.from('\n') });
      expect(await textAtClose(process)).toBe('up\nleader\nrest\n');
    });

    it('is refused after the exit', async () => {
      const process = await runToClose(await open(), ':');
      const refusal = await refusalOf(process.signal({ signal: 'SIGTERM' }));
      expect(refusal).toEqual({ code: 'process_exited' });
    });

    it('is refused when this host has none of that name', async () => {
      const process = await run(await open(), 'exec sleep 60');
      const refusal = await refusalOf(process.signal({ signal: 'SIGNONE' }));
      expect(refusal).toMatchObject({ code: 'invalid_request' });
    });
  });

  describe('terminate', () => {
    const terminated = exitedBy(null, { signal: 'SIGTERM', exit_reason: 'terminated' });
    const killed = exitedBy(null, { signal: 'SIGKILL', exit_reason: 'terminated' });

    it('asks with SIGTERM, and answers at the close when it is told to wait', async () => {
      const process = await run(await open(), 'exec sleep 60');
      expect(await process.terminate({ wait_ms: 20_000 })).toEqual({
        running: true,
        survivors: [],
        ...(await process.snapshot()),
        state: 'closed',
        ...terminated,
      });
    });

    it('answers at once when it is not', async () => {
      const process = await run(await open(), 'trap : TERM; echo up; while :; do sleep 0.01; done');
      await textWhen(process, 'up');
      const result = await process.terminate({ grace_ms: 60_000 });
      expect(result).toMatchObject({ running: true, survivors: [], state: 'running' });
      await process.terminate({ grace_ms: 0 });
      expect(await endOf(process)).toEqual(killed);
    });

    it('keeps the exit code of a child that cleans up', async () => {
      const script = 'trap "exit 3" TERM; echo up; while :; do sleep 0.01; done';
      const process = await run(await open(), script);
      await textWhen(process, 'up');
      await process.terminate({});
      expect(await endOf(process)).toEqual(exitedBy(3, { exit_reason: 'terminated' }));
    });

    it('asks with the signal it is given', async () => {
      const process = await run(await open(), 'exec sleep 60');
      await process.terminate({ signal: 'SIGHUP' });
      const by = { signal: 'SIGHUP', exit_reason: 'terminated' };
      expect(await endOf(process)).toEqual(exitedBy(null, by));
    });

    it('kills after the grace whoever ignores it', async () => {
      const process = await run(await open(), 'trap "" TERM; echo up; exec sleep 60');
      await textWhen(process, 'up');
      await process.terminate({ grace_ms: 50 });
      expect(await endOf(process)).toEqual(killed);
    });

    it('takes the grace of the start when it has none of its own', async () => {
      const process = await run(await open(), 'trap "" TERM; echo up; exec sleep 60', {
        grace_ms: 50,
      });
      await textWhen(process, 'up');
      await process.terminate({});
      expect(await endOf(process)).toEqual(killed);
    });

    it('ends a descendant of a leader that has exited', async () => {
      const process = await run(await open(), '(trap "" TERM; exec sleep 60) & exit 2');
      await exitOf(process);
      const result = await process.terminate({ grace_ms: 50, wait_ms: 20_000 });
      expect(result).toMatchObject({
        running: false,
        survivors: [],
        state: 'closed',
        ...exitedBy(2),
        output_incomplete: false,
      });
    });

    it('may be repeated, also after the close', async () => {
      const process = await run(await open(), 'exec sleep 60');
      await process.terminate({ wait_ms: 20_000 });
      const again = await process.terminate({ wait_ms: 20_000 });
      expect(again).toMatchObject({ running: false, survivors: [], state: 'closed' });
      expect(await endOf(process)).toEqual(terminated);
    });

    it('stops waiting at its deadline', async () => {
      const process = await run(await open(), 'trap "" TERM; echo up; exec sleep 60');
      await textWhen(process, 'up');
      const result = await process.terminate({ grace_ms: 60_000, wait_ms: 50 });
      expect(result).toMatchObject({ running: true, state: 'running' });
    });

    it('stops waiting when it is aborted, and goes on ending', async () => {
      const process = await run(await open(), 'trap "" TERM; echo up; exec sleep 60');
      await textWhen(process, 'up');
      const abort = new AbortController();
      const params = { grace_ms: 2000, wait_ms: 60_000 };
      const result = process.terminate(params, abort.signal);
      abort.abort();
      expect(await result).toMatchObject({ running: true, state: 'running' });
      expect(await endOf(process)).toEqual(killed);
    });

    it('is refused when this host has no such signal', async () => {
      const process = await run(await open(), 'exec sleep 60');
      const refusal = await refusalOf(process.terminate({ signal: 'SIGNONE' }));
      expect(refusal).toMatchObject({ code: 'invalid_request' });
      expect(await process.snapshot()).toMatchObject({ state: 'running' });
    });
  });

  describe('timeout_ms', () => {
    it('ends a process that runs for longer', async () => {
      const process = await run(await open(), 'exec sleep 60', { timeout_ms: 50 });
      const by = { signal: 'SIGTERM', exit_reason: 'timeout' };
      expect(await endOf(process)).toEqual(exitedBy(null, by));
    });

    it('has no effect on one that ends before', async () => {
      const process = await run(await open(), 'exit 1', { timeout_ms: 60_000 });
      expect(await endOf(process)).toEqual(exitedBy(1));
    });
  });
}

async function endOf(process: ExecProcess): Promise<object> {
  const { exit_code, signal, exit_reason } = await closeOf(process);
  return { exit_code, signal, exit_reason };
}
