import { describe, expect, it } from 'vitest';
import type { ProcessPage } from '../../src/exec-types.ts';
import { eventually } from '../support/eventually.ts';
import type { OpenBackend } from './driving.ts';
import { allOf, follow, output, refusalOf, run, runToClose, sh, textWhen } from './driving.ts';

/** How processes are found and forgotten. */
export function describeList(open: OpenBackend): void {
  describe('list', () => {
    it('gives the newest first, over pages each process once', async () => {
      const backend = await open();
      for (const process_id of ['a', 'b', 'c', 'd', 'e']) await run(backend, ':', { process_id });
      const seen: string[] = [];
      let page = await backend.list({ limit: 2 });
      seen.push(...idsOf(page));
      while (page.next_cursor !== null) {
        page = await backend.list({ limit: 2, cursor: page.next_cursor });
        expect(page.processes.length).toBeLessThanOrEqual(2);
        seen.push(...idsOf(page));
      }
      expect(seen).toEqual(['e', 'd', 'c', 'b', 'a']);
    });

    it('gives what the snapshots give', async () => {
      const backend = await open();
      const closed = await runToClose(backend, 'echo x');
      const running = await run(backend, 'exec sleep 60');
      expect(await backend.list({})).toEqual({
        processes: [await running.snapshot(), await closed.snapshot()],
        next_cursor: null,
      });
    });

    it('finds by state', async () => {
      const backend = await open();
      await runToClose(backend, ':', { process_id: 'over' });
      await run(backend, 'exec sleep 60', { process_id: 'running' });
      expect(idsOf(await backend.list({ state: 'running' }))).toEqual(['running']);
      expect(idsOf(await backend.list({ state: 'closed' }))).toEqual(['over']);
      expect(idsOf(await backend.list({ state: 'failed' }))).toEqual([]);
    });

    it('finds by labels, which must all match', async () => {
      const backend = await open();
      await run(backend, ':', { process_id: 'one', labels: { team: 'a', job: 'x=1&y' } });
      await run(backend, ':', { process_id: 'two', labels: { team: 'a' } });
      const labels = [['team', 'a']] as const;
      expect(idsOf(await backend.list({ labels }))).toEqual(['two', 'one']);
      expect(idsOf(await backend.list({ labels: [...labels, ['job', 'x=1&y']] }))).toEqual(['one']);
      expect(idsOf(await backend.list({ labels: [['team', 'b']] }))).toEqual([]);
    });
  });

  describe('get', () => {
    it('refuses an id that was never used', async () => {
      expect(await refusalOf((await open()).get('never'))).toEqual({ code: 'process_not_found' });
    });
  });

  describe('remove', () => {
    it('forgets a process that is over: its id is expired, and no start may use it', async () => {
      const backend = await open();
      await runToClose(backend, ':', { process_id: 'gone' });
      await backend.remove('gone');
      const expired = { code: 'process_expired' };
      expect(await refusalOf(backend.get('gone'))).toEqual(expired);
      expect(await refusalOf(backend.remove('gone'))).toEqual(expired);
      expect(await refusalOf(backend.start({ argv: sh(':'), process_id: 'gone' }))).toEqual(
        expired,
      );
      expect(await backend.list({})).toEqual({ processes: [], next_cursor: null });
    });

    it('is refused while the process runs, unless it is forced', async () => {
      const backend = await open();
      const process = await run(backend, 'echo up; exec sleep 60', { process_id: 'busy' });
      await textWhen(process, 'up');
      const stream = await follow(process, 0, 'retained');
      expect(await refusalOf(backend.remove('busy'))).toEqual({ code: 'process_running' });
      await backend.remove('busy', { force: true });
      const ended = { exit_code: null, signal: 'SIGKILL', exit_reason: 'terminated' };
      expect(await allOf(stream)).toEqual([
        output(1, 'up\n'),
        { type: 'exited', seq: 2, ...ended },
        { type: 'closed', seq: 3, ...ended, output_incomplete: false },
      ]);
      expect(await refusalOf(backend.get('busy'))).toEqual({ code: 'process_expired' });
    });

    it('happens by itself when the retention has passed', async () => {
      const backend = await open();
      await run(backend, ':', { process_id: 'brief', retention_ms: 0 });
      const listed = await eventually(
        async () => idsOf(await backend.list({})),
        (ids) => ids.length === 0,
      );
      expect(listed).toEqual([]);
      expect(await refusalOf(backend.get('brief'))).toEqual({ code: 'process_expired' });
    });
  });
}

function idsOf({ processes }: ProcessPage): readonly string[] {
  return processes.map(({ process_id }) => process_id);
}
