import { describe, expect, it } from 'vitest';
import type { ExecProcess, WakeStream } from '../../src/exec-backend.ts';
import type { OpenBackend } from './driving.ts';
import { closeOf, refusalOf, run, runToClose, snapshotWhen } from './driving.ts';

/** How the head of a log is followed. */
export function describeWake(open: OpenBackend): void {
  describe('a stream of wakes', () => {
    it('begins with the head, which is 0 in an empty log', async () => {
      const wakes = await wakesOf(await run(await open(), 'exec sleep 60'));
      expect(await wakes.next(20_000)).toEqual(head(0));
      expect(await wakes.next(20)).toBe('idle');
      wakes.close();
    });

    it('is idle while the head is where the cursor is', async () => {
      const wakes = await wakesOf(await run(await open(), 'exec sleep 60'), 0);
      expect(await wakes.next(0)).toBe('idle');
      wakes.close();
    });

    it('wakes a reader that waits', async () => {
      const process = await run(await open(), 'exec cat', { pipe_stdin: true });
      const wakes = await wakesOf(process, 0);
      const next = wakes.next(20_000);
      await process.write({ chunk: Buffer.from('x') });
      expect(await next).toEqual(head(1));
    });

    it('gives a slow reader the newest head only', async () => {
      const process = await run(await open(), 'exec cat', { pipe_stdin: true });
      const wakes = await wakesOf(process);
      await wakes.next(20_000);
      for (const seq of [1, 2, 3]) {
        await process.write({ chunk: Buffer.from('x') });
        await snapshotWhen(process, ({ next_seq }) => next_seq === seq + 1);
      }
      expect(await wakes.next(20_000)).toEqual(head(3));
      expect(await wakes.next(0)).toBe('idle');
    });

    it('ends after the wake of the close', async () => {
      const process = await run(await open(), 'read x', { pipe_stdin: true });
      const wakes = await wakesOf(process, 0);
      await process.write({ chunk: Buffer.from('\n') });
      await closeOf(process);
      expect(await wakes.next(20_000)).toEqual({ ...head(2), closed: true });
      expect(await wakes.next(20_000)).toBeNull();
    });

    it('that is closed gives null, to a call under way too', async () => {
      const wakes = await wakesOf(await run(await open(), 'exec sleep 60'), 0);
      const next = wakes.next(60_000);
      wakes.close();
      expect([await next, await wakes.next(60_000)]).toEqual([null, null]);
    });

    it('has nothing to begin with at the end of a closed log', async () => {
      const process = await runToClose(await open(), ':');
      expect(await process.subscribeWake({ after_seq: 2 })).toEqual({ kind: 'ended' });
      const wakes = await wakesOf(process, 1);
      expect(await wakes.next(0)).toEqual({ ...head(2), closed: true });
    });

    it('is refused to a cursor ahead of the log', async () => {
      const process = await runToClose(await open(), ':');
      expect(await refusalOf(process.subscribeWake({ after_seq: 3 }))).toEqual({
        code: 'cursor_ahead',
        head_seq: 2,
        next_seq: 3,
      });
    });
  });
}

async function wakesOf(process: ExecProcess, after_seq: number | null = null): Promise<WakeStream> {
  const subscription = await process.subscribeWake({ after_seq });
  if (subscription.kind === 'stream') return subscription.stream;
  throw new Error('the log has ended');
}

function head(seq: number): object {
  return { seq, next_seq: seq + 1, closed: false, failed: false };
}
