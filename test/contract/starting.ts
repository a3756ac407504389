import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StartParams } from '../../src/exec-types.ts';
import type { OpenBackend } from './driving.ts';
import { anyNumber, directory, refusalOf, run, runToClose, sh, textAtClose } from './driving.ts';

/** How processes start. */
export function describeStart(open: OpenBackend): void {
  describe('start', () => {
    it('gives a running process that says what was asked for', async () => {
      const backend = await open();
      const labels = { team: 'build', 'a b': 'ü' };
      const asked = { argv: sh('exec sleep 60'), cwd: '/', pipe_stdin: true, labels };
      const { process, replayed } = await backend.start({ ...asked, process_id: 'p.1~a' });
      expect(replayed).toBe(false);
      expect(process.process_id).toBe('p.1~a');
      expect(await process.snapshot()).toEqual({
        ...asked,
        process_id: 'p.1~a',
        tty: false,
        size: null,
        pid: anyNumber,
        state: 'running',
        exit_code: null,
        signal: null,
        exit_reason: null,
        failure: null,
        failure_reason: null,
        started_at: aTime,
        exited_at: null,
        closed_at: null,
        expires_at: null,
        first_retained_seq: 1,
        next_seq: 1,
        retained_bytes: 0,
        evicted_bytes: 0,
        stdin: 'open',
        owner: hostname(),
        output_incomplete: false,
      });
    });

    it('gives a process whose snapshot tells its end', async () => {
      const process = await runToClose(await open(), 'printf abc; exit 3', { retention_ms: 5000 });
      const snapshot = await process.snapshot();
      const { closed_at, expires_at } = snapshot;
      expect(snapshot).toMatchObject({
        state: 'closed',
        exit_code: 3,
        signal: null,
        exit_reason: 'exited',
        next_seq: 4,
        retained_bytes: 3,
        stdin: 'closed',
      });
      expect(Date.parse(expires_at ?? '') - Date.parse(closed_at ?? '')).toBe(5000);
    });

    it('chooses a different process_id for each start without one', async () => {
      const backend = await open();
      const first = await run(backend, ':');
      const second = await run(backend, ':');
      expect(first.process_id).not.toBe(second.process_id);
      expect((await backend.get(first.process_id)).process_id).toBe(first.process_id);
    });

    it('makes one child of 50 racing identical requests', async () => {
      const backend = await open();
      const file = path.join(directory(), 'started');
      const params = { argv: sh(`echo once >> '${file}'`), process_id: 'racer' };
      const results = await Promise.all(Array.from({ length: 50 }, () => backend.start(params)));
      const fresh = results.filter(({ replayed }) => !replayed);
      expect(fresh).toHaveLength(1);
      expect(new Set(results.map(({ process }) => process.process_id))).toEqual(new Set(['racer']));
      await textAtClose(await backend.get('racer'));
      expect(readFileSync(file, 'utf8')).toBe('once\n');
    });

    it('finds the process of the same request, also after its end', async () => {
      const backend = await open();
      const params = { argv: sh('echo $$'), process_id: 'again' };
      const first = await backend.start(params);
      const pid = await textAtClose(first.process);
      const second = await backend.start(params);
      expect(second.replayed).toBe(true);
      expect(await textAtClose(second.process)).toBe(pid);
    });

    it('is refused when its process_id belongs to a different request', async () => {
      const backend = await open();
      await run(backend, ':', { process_id: 'taken' });
      const other = backend.start({ argv: sh(': other'), process_id: 'taken' });
      expect(await refusalOf(other)).toEqual({ code: 'process_id_conflict' });
    });

    it.each<[string, Partial<StartParams>, object]>([
      ['an unknown program', { argv: ['no-such-program'] }, refused('command_not_found', 'ENOENT')],
      ['an unknown path', { argv: ['/no/such'] }, refused('command_not_found', 'ENOENT')],
      ['a file without x', { argv: ['/etc/passwd'] }, refused('not_executable', 'EACCES')],
      ['a missing cwd', { cwd: '/no/such' }, refused('cwd_not_found', 'ENOENT')],
      ['a file as cwd', { cwd: '/etc/passwd' }, refused('cwd_not_directory', 'ENOTDIR')],
    ])('of %s is refused and leaves nothing', async (_name, params, expected) => {
      const backend = await open();
      const started = backend.start({ argv: ['true'], process_id: 'none', ...params });
      expect(await refusalOf(started)).toEqual(expected);
      expect(await backend.list({})).toEqual({ processes: [], next_cursor: null });
      expect(await refusalOf(backend.get('none'))).toEqual({ code: 'process_not_found' });
    });

    it('that was refused can be repeated once its trouble is gone', async () => {
      const backend = await open();
      const program = path.join(directory(), 'program');
      const params = { argv: [program], process_id: 'later' };
      expect(await refusalOf(backend.start(params))).toMatchObject({ code: 'command_not_found' });
      writeFileSync(program, '#!/bin/sh\necho here\n', { mode: 0o700 });
      const { process, replayed } = await backend.start(params);
      expect([replayed, await textAtClose(process)]).toEqual([false, 'here\n']);
    });
  });

  describe('a child', () => {
    it('has the variables of env over those it inherits, without those set to null', async () => {
      const env = { ADDED: 'a=b c', HOME: '/elsewhere', LANG: null };
      const process = await run(await open(), 'echo "$ADDED|$HOME|${LANG-none}"', { env });
      expect(await textAtClose(process)).toBe('a=b c|/elsewhere|none\n');
    });

    it.each([
      [{ inherit: 'none' } as const, []],
      [{ include_only: ['path'] }, ['PATH']],
      [{ inherit: 'all', include_only: ['PATH', 'HOME'], exclude: ['h*'] } as const, ['PATH']],
    ])('inherits by env_policy: %j', async (env_policy, inherited) => {
      const { process } = await (
        await open()
      ).start({ argv: ['/usr/bin/env'], env_policy, env: { A: '1' } });
      const names = (await textAtClose(process)).split('\n').map((line) => line.split('=')[0]);
      const marker = 'PROCESS_TREE_ID';
      expect(names.filter((name) => name !== '' && name !== marker).sort()).toEqual(
        ['A', ...inherited].sort(),
      );
    });

    it('runs in its cwd', async () => {
      const cwd = realpathSync(directory());
      const process = await run(await open(), 'pwd', { cwd });
      expect(await textAtClose(process)).toBe(`${cwd}\n`);
    });

    it('sees arg0 as its name', async () => {
      const backend = await open();
      const argv = ['/bin/sh', '-c', 'cat /proc/$$/cmdline | tr "\\0" " "'];
      const { process } = await backend.start({ argv, arg0: 'renamed' });
      expect(await textAtClose(process)).toMatch(/^renamed -c /);
    });

    it('gets each argument exactly as it was given', async () => {
      const backend = await open();
      const argv = ['printf', '[%s]', '', ' ', '$HOME', '"\'\\', 'ü\n', '*'];
      const { process } = await backend.start({ argv });
      expect(await textAtClose(process)).toBe('[][ ][$HOME]["\'\\][ü\n][*]');
    });
  });
}

const aTime: unknown = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

function refused(code: string, errno: string): object {
  return { code, errno };
}
