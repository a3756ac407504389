import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { isRoot } from '../support/host.ts';
import { startService } from '../support/service.ts';
import { isAlive } from '../unit/process/children.ts';
import { Client } from './client.ts';
import { refusal, told } from './problems.ts';
import { startProgram, temporaryDirectory } from './subprocess.ts';

/** A client of a service with a runner. */
async function clientOf(runner: readonly string[], settings: object = {}): Promise<Client> {
  return new Client(await startService({ RUNNER: JSON.stringify(runner), ...settings }));
}

const noNewPrivs = ['/usr/bin/setpriv', '--no-new-privs', '--'];

/** A runner that leaves in a file what it is told, and becomes the command. */
function noting(file: string): readonly string[] {
  const script = 'printf "%s|" "$PATH" "$HOME" "$LD_PRELOAD" "$PWD" "$A" "$@" > "$0"; exec "$@"';
  return ['/bin/sh', '-c', script, file];
}

describe('a runner', () => {
  it.each([{}, { nice: 19 }, { umask: '027', limits: { open_files: 64 } }])(
    'is put before every command, also with %j',
    async (members) => {
      const client = await clientOf(noNewPrivs, { RUNNER_CLAIMS: 'no_new_privs' });
      const argv = ['grep', 'NoNewPrivs', '/proc/self/status'];
      expect(await client.outputOf({ argv, ...members })).toBe('NoNewPrivs:\t1\n');
    },
  );

  it('that becomes the command leaves it its pid, its exit code and its end by a signal', async () => {
    const client = await clientOf(noNewPrivs);
    const { process_id, pid } = await client.start({ argv: ['sh', '-c', 'echo $$; exit 9'] });
    expect(await client.closed(process_id)).toMatchObject({ exit_code: 9, signal: null });
    const { body } = await client.get(`/processes/${process_id}/output?format=text`);
    expect(body).toBe(`${pid}\n`);
    const killed = await client.start({ argv: ['sh', '-c', 'kill -KILL $$'] });
    expect(await client.closed(killed.process_id)).toMatchObject({ signal: 'SIGKILL' });
  });

  it('runs in the cwd of the caller, with our PATH and HOME instead of the caller’s', async () => {
    const dir = temporaryDirectory();
    const file = path.join(dir, 'noted');
    const client = await clientOf(noting(file));
    const env = { PATH: '/bin:/his', HOME: '/his', LD_PRELOAD: '/no/such.so', A: 'a' };
    const argv = ['sh', '-c', 'echo "$PATH $HOME $LD_PRELOAD $PWD $A"'];
    const output = await client.outputOf({ argv, env, cwd: dir });
    expect(output).toBe(`/bin:/his /his /no/such.so ${dir} a\n`);
    const { PATH = '', HOME = '' } = process.env;
    const noted = readFileSync(file, 'utf8').split('|');
    expect(noted.slice(0, 5)).toEqual([PATH, HOME, '', dir, 'a']);
    expect(noted.slice(5, 7)).toEqual(['/usr/bin/env', '--']);
    const late = ['HOME=/his', 'LD_PRELOAD=/no/such.so', 'PATH=/bin:/his'];
    expect(noted.slice(7, 10).toSorted()).toEqual(late);
    expect(noted.slice(10, 12)).toEqual(['/bin/sh', '-c']);
  });

  it('is not tried for a command that is not there, or that hides its name', async () => {
    const file = path.join(temporaryDirectory(), 'noted');
    const client = await clientOf(noting(file));
    rmSync(file);
    const lost = await client.post('/processes', { argv: ['./no-such-program'] });
    expect(told(lost)).toEqual(refusal(422, 'command_not_found', { errno: 'ENOENT' }));
    const hidden = await client.post('/processes', { argv: ['true'], arg0: 'x' });
    expect(told(hidden)).toEqual(refusal(501, 'unsupported', { member: 'arg0' }));
    expect(existsSync(file)).toBe(false);
  });

  it('that has gone is no fault of the caller', async () => {
    const file = path.join(temporaryDirectory(), 'runner');
    writeFileSync(file, '#!/bin/sh\nexec "$@"\n');
    chmodSync(file, 0o755);
    const client = await clientOf([file]);
    expect(await client.outputOf({ argv: ['echo', 'hi'] })).toBe('hi\n');
    rmSync(file);
    const reply = await client.post('/processes', { argv: ['true'] });
    expect(told(reply)).toEqual(refusal(500, 'internal_error'));
  });

  it('that drops root, as root, decides what can be kept', async () => {
    const dropping = ['/usr/bin/setpriv', '--reuid=1234', '--regid=1234', '--clear-groups', '--'];
    if (!isRoot) {
      await expect(clientOf(dropping)).rejects.toThrow(/^PROCESSION_RUNNER cannot be used: /);
      return;
    }
    const client = await clientOf(dropping, { RUNNER_CLAIMS: 'uid=1234', CWD: '/' });
    for (const [member, members] of [
      ['user', { user: { uid: 0, gid: 0 } }],
      ['nice', { nice: -1 }],
      ['limits.open_files', { limits: { open_files: 1_000_000 } }],
    ] as const) {
      const reply = await client.post('/processes', { argv: ['true'], ...members });
      expect(told(reply)).toEqual(refusal(501, 'unsupported', { member }));
    }
    const kept = { limits: { processes: 77 }, nice: 1, user: { uid: 1234, gid: 1234 } };
    const argv = ['sh', '-c', 'id -u; nice; grep processes /proc/self/limits'];
    expect(await client.outputOf({ argv, ...kept })).toMatch(
      /^1234\n1\nMax processes +77 +77 +processes *\n$/,
    );
  });

  it('that leaves some privileges, as root, keeps them from another user', async () => {
    const caps = '+setuid,+setgid,+kill';
    const leaving = ['/usr/bin/setpriv', '--reuid=1234', '--regid=1234', '--clear-groups'];
    const runner = [...leaving, `--inh-caps=${caps}`, `--ambient-caps=${caps}`, '--'];
    if (!isRoot) {
      await expect(clientOf(runner)).rejects.toThrow(/^PROCESSION_RUNNER cannot be used: /);
      return;
    }
    const client = await clientOf(runner, { CWD: '/' });
    const argv = ['grep', '-E', '^(Uid|CapEff|CapAmb)', '/proc/self/status'];
    const user = { uid: 4321, gid: 4321 };
    expect(await client.outputOf({ argv, user, limits: { processes: 50 } })).toBe(
      `Uid:${'\t4321'.repeat(4)}\nCapEff:\t${'0'.repeat(16)}\nCapAmb:\t${'0'.repeat(16)}\n`,
    );
  });

  it('with a pid namespace, as root, is ended with all that is in it', async () => {
    const isolating = ['/usr/bin/unshare', '--pid', '--fork', '--kill-child', '--'];
    if (!isRoot) {
      await expect(clientOf(isolating)).rejects.toThrow(/^PROCESSION_RUNNER cannot be used: /);
      return;
    }
    const client = await clientOf(isolating, { RUNNER_CLAIMS: 'pid_namespace' });
    const argv = ['sh', '-c', 'echo $$; sleep 60 & wait; wait'];
    const { process_id, pid } = await client.start({ argv, umask: '022', nice: 3 });
    await client.get(`/processes/${process_id}/wake?wait_ms=20000`);
    const { body } = await client.get(`/processes/${process_id}/output?format=text`);
    expect(body).toBe('1\n');
    const asked = { grace_ms: 50, wait_ms: 20_000 };
    const ended = await client.post(`/processes/${process_id}/terminate`, asked);
    expect(ended.body).toMatchObject({ state: 'closed', survivors: [] });
    expect(isAlive(pid)).toBe(false);
    expect(await client.outputOf({ argv: ['sh', '-c', 'exec echo $$'] })).toBe('1\n');
  });
});

describe('a service whose runner fails its test', () => {
  it.each([
    [
      ['/usr/bin/env'],
      'no_new_privs',
      /^PROCESSION_RUNNER_CLAIMS has no_new_privs, .* NoNewPrivs 0$/,
    ],
    [['/bin/true'], '', /^PROCESSION_RUNNER cannot be used: .* ended with exit code 0, /],
    [['/no/such'], '', /^PROCESSION_RUNNER cannot be used: There is no file "\/no\/such"/],
  ])('%j does not start, says why, and opens no port', async (runner, claims, why) => {
    const settings = { DATA_DIR: temporaryDirectory(), RUNNER: JSON.stringify(runner) };
    const program = startProgram({ ...settings, RUNNER_CLAIMS: claims });
    const { code, stdout, stderr } = await program.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^[^\n]+\n$/);
    expect(stderr.trim()).toMatch(why);
    expect(stdout).not.toMatch(/port open|listening/);
  });

  it('is told of a setting that cannot be read in the same way', async () => {
    const program = startProgram({ DATA_DIR: temporaryDirectory(), RUNNER: 'bwrap' });
    const { code, stderr } = await program.ended;
    expect(code).toBe(1);
    expect(stderr).toBe(
      'PROCESSION_RUNNER must be a JSON array of texts without NUL, first an absolute path, not "bwrap"\n',
    );
  });
});
