import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isRoot } from '../support/host.ts';
import type { TestService } from '../support/service.ts';
import { openService } from '../support/service.ts';
import { isAlive } from '../unit/process/children.ts';
import { Client } from './client.ts';
import { invalid, problem, refusal, told } from './problems.ts';

const other = { uid: 12_345, gid: 23_456 };

/** Every restriction that needs no privilege. */
const modest = {
  limits: { memory_bytes: 2 ** 40, cpu_seconds: 600, open_files: 256, file_bytes: 1_000_000 },
  nice: 19,
  umask: '027',
};

const unsupported = (member: string): object => refusal(501, 'unsupported', { member });

const longestMember = '9'.repeat(16);

describe.each(['posix', 'execa'] as const)('with the %s spawner a process', (spawner) => {
  let service: TestService;
  let client: Client;
  let dir: string;

  beforeAll(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'procession-restrictions-'));
    chmodSync(dir, 0o777);
    service = await openService({ SPAWNER: spawner, CWD: dir });
    client = new Client(service);
  });

  afterAll(async () => {
    await service.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  /** What a shell prints under restrictions. */
  const printed = (script: string, members: object): Promise<string> =>
    client.outputOf({ argv: ['sh', '-c', script], ...members });

  /** The same where it takes root; else it must be refused. */
  const printedAsRoot = async (script: string, members: object, member: string) => {
    if (isRoot) return printed(script, members);
    const reply = await client.post('/processes', { argv: ['true'], ...members });
    expect(told(reply)).toEqual(unsupported(member));
    return null;
  };

  /** How a shell ends under restrictions. */
  const ended = async (script: string, members: object) => {
    const { process_id } = await client.start({ argv: ['sh', '-c', script], ...members });
    const { exit_code, signal } = await client.closed(process_id);
    return { exit_code, signal };
  };

  it.each([
    ['memory_bytes', 2 ** 30, 'Max address space', [2 ** 30, 2 ** 30]],
    ['memory_bytes', 2 ** 53 - 1, 'Max address space', [2 ** 53 - 1, 2 ** 53 - 1]],
    ['cpu_seconds', 1, 'Max cpu time', [1, 2]],
    ['cpu_seconds', 1000, 'Max cpu time', [1000, 1001]],
    ['open_files', 16, 'Max open files', [16, 16]],
    ['file_bytes', 1, 'Max file size', [1, 1]],
  ] as const)('has the limit %s of %d', async (...[name, value, line, limits]) => {
    const text = await client.outputOf({
      argv: ['cat', '/proc/self/limits'],
      limits: { [name]: value },
    });
    const [, soft, hard] = new RegExp(`^${line}\\s+(\\S+)\\s+(\\S+)`, 'm').exec(text) ?? [];
    expect([Number(soft), Number(hard)]).toEqual(limits);
  });

  it('of another user runs nothing that this user may not execute', async () => {
    const foreign = path.join(dir, 'program');
    writeFileSync(foreign, readFileSync('/usr/bin/id'), { mode: 0o700 });
    for (const members of [{}, { umask: '022' }, { nice: 19 }, { env: { LD_X: '1' } }]) {
      const reply = await client.post('/processes', { argv: [foreign], user: other, ...members });
      if (!isRoot) {
        expect(told(reply)).toEqual(unsupported('user'));
        continue;
      }
      const { process_id } = reply.body as { process_id: string };
      expect(await client.closed(process_id)).toMatchObject({ exit_code: 126 });
    }
  });

  it('is told by SIGXCPU that its time is over', async () => {
    expect(await ended('while :; do :; done', { limits: { cpu_seconds: 1 } })).toEqual({
      exit_code: null,
      signal: 'SIGXCPU',
    });
  });

  it.each([
    [4096, { exit_code: 0, signal: null }],
    [4097, { exit_code: null, signal: 'SIGXFSZ' }],
  ])('that may write 4096 bytes and writes %d ends so', async (bytes, end) => {
    const file = path.join(dir, `file-${bytes}`);
    const script = `exec head -c ${bytes} /dev/zero > ${file}`;
    expect(await ended(script, { limits: { file_bytes: 4096 } })).toEqual(end);
    expect(statSync(file).size).toBe(4096);
  });

  it('has as many descriptors as it may, and no more', async () => {
    const script = 'exec 3<&0 && exec 4<&0 && echo 4; (exec 5<&0) 2>/dev/null || echo not 5';
    expect(await printed(script, { limits: { open_files: 5 } })).toBe('4\nnot 5\n');
  });

  it('that may be its user’s only one, as root, forks nothing', async () => {
    const script = '(:) 2>/dev/null && echo forked || echo alone';
    const alone = { limits: { processes: 1 }, user: { uid: 54_321, gid: 54_321 } };
    const seen = await printedAsRoot(`${script}; :`, alone, 'user');
    // dash gives up at once when it cannot fork.
    if (isRoot) expect(['', 'alone\n']).toContain(seen);
    const two = { ...alone, limits: { processes: 2 } };
    expect(await printedAsRoot(script, two, 'user')).toBe(isRoot ? 'forked\n' : null);
  });

  it('of root cannot be bounded in number', async () => {
    const limits = { processes: 100 };
    const reply = await client.post('/processes', { argv: ['true'], limits });
    if (isRoot) expect(told(reply)).toEqual(unsupported('limits.processes'));
    else expect(reply.status).toBe(201);
  });

  it.each([
    [
      'limits.open_files',
      { limits: { open_files: Number(readFileSync('/proc/sys/fs/nr_open')) + 1 } },
    ],
    ['arg0', { arg0: 'x', nice: 19 }],
    ['arg0', { arg0: 'x', umask: '022' }],
  ])('is refused for %s that nobody can keep', async (member, members) => {
    const reply = await client.post('/processes', { process_id: 'no', argv: ['true'], ...members });
    expect(told(reply)).toEqual(unsupported(member));
    expect((await client.get('/processes/no')).status).toBe(404);
  });

  it.each([other, { uid: 4_294_967_294, gid: 4_294_967_294 }, { uid: 1, gid: 0 }])(
    'runs as root as %j, with no other groups',
    async (user) => {
      const script = 'grep -E "^(Uid|Gid|Groups|CapEff)" /proc/self/status';
      const expected = [
        `Uid:${`\t${user.uid}`.repeat(4)}`,
        `Gid:${`\t${user.gid}`.repeat(4)}`,
        'Groups:\t ',
        'CapEff:\t0000000000000000',
        '',
      ];
      const seen = await printedAsRoot(script, { user, cwd: '/' }, 'user');
      expect(seen?.replaceAll(/Groups:\s*\n/g, 'Groups:\t \n') ?? null).toBe(
        isRoot ? expected.join('\n') : null,
      );
    },
  );

  it('may run as who the service is', async () => {
    const user = { uid: process.getuid?.(), gid: process.getgid?.() };
    const groups = process.getgroups?.().filter((group) => group !== user.gid) ?? [];
    if (isRoot || groups.length === 0) {
      expect(await printed('id -u; id -g; id -G', { user })).toBe(
        `${user.uid ?? ''}\n${user.gid ?? ''}\n${user.gid ?? ''}\n`,
      );
    } else expect(await printedAsRoot('', { user }, 'user')).toBeNull();
  });

  it.each([getPriority(), getPriority() + 1, 19])('has the niceness %d', async (nice) => {
    expect(await client.outputOf({ argv: ['nice'], nice })).toBe(`${nice}\n`);
  });

  it.each([-20, getPriority() - 1])('has, as root, the niceness %d', async (nice) => {
    expect(await printedAsRoot('nice', { nice }, 'nice')).toBe(isRoot ? `${nice}\n` : null);
  });

  it.each([
    ['000', '0000'],
    ['0777', '0777'],
    ['027', '0027'],
  ])('has the umask %s', async (umask, seen) => {
    expect(await printed('umask', { umask })).toBe(`${seen}\n`);
  });

  it('may have all at once, as root', async () => {
    const script = 'id -u; nice; umask; ulimit -n; ulimit -u 2>/dev/null || ulimit -p';
    const limits = { ...modest.limits, processes: 50 };
    const all = { ...modest, limits, user: other, nice: -5, cwd: '/' };
    const seen = await printedAsRoot(script, all, 'user');
    expect(seen).toBe(isRoot ? '12345\n-5\n0027\n256\n50\n' : null);
  });

  it('is the program itself: its pid, its signals, its exit code', async () => {
    const script = 'echo $$; exec cat';
    const { process_id, pid } = await client.start({
      argv: ['sh', '-c', script],
      pipe_stdin: true,
      ...modest,
    });
    await client.get(`/processes/${process_id}/wake?wait_ms=20000`);
    const { body } = await client.get(`/processes/${process_id}/output?format=text`);
    expect(body).toBe(`${pid}\n`);
    await client.post(`/processes/${process_id}/signal`, { signal: 'SIGUSR2' });
    const { exit_code, signal } = await client.closed(process_id);
    expect({ exit_code, signal }).toEqual({ exit_code: null, signal: 'SIGUSR2' });
    expect(await ended('exit 253', modest)).toEqual({ exit_code: 253, signal: null });
  });

  it('is ended with all that it started', async () => {
    const script = 'trap "" TERM; sleep 60 & echo $!; wait; wait';
    const user = isRoot ? { user: other, cwd: '/' } : {};
    const argv = ['sh', '-c', script];
    const { process_id, pid } = await client.start({ argv, ...modest, ...user });
    await client.get(`/processes/${process_id}/wake?wait_ms=20000`);
    const { body } = await client.get(`/processes/${process_id}/output?format=text`);
    const asked = { grace_ms: 50, wait_ms: 20_000 };
    const ending = await client.post(`/processes/${process_id}/terminate`, asked);
    expect(ending.body).toMatchObject({ state: 'closed', signal: 'SIGKILL', survivors: [] });
    expect([pid, Number(body)].filter(isAlive)).toEqual([]);
  });

  it('gets exactly the variables that it would get without restrictions', async () => {
    const env = {
      ...{
        IFS: 'x',
        OPTIND: '7',
        PPID: '1',
        LINENO: '4',
        PS4: 'q',
        SHLVL: '9',
        _: 'u',
        PWD: '/odd',
      },
      ...{
        PATH: '/usr/bin:/bin:/odd',
        HOME: null,
        LC_ALL: 'C',
        EMPTY: '',
        LINES: 'a\nb',
        ENV: '/no',
      },
      BASH_ENV: '/no',
    };
    const read = async (members: object) => {
      const text = await client.outputOf({ argv: ['/usr/bin/env', '-0'], env, ...members });
      return text
        .split('\0')
        .filter((one) => !one.startsWith('PROCESS_TREE_ID='))
        .toSorted();
    };
    const plain = await read({});
    expect(plain).toContain('IFS=x');
    expect(await read(modest)).toEqual(plain);
    expect(await read({ umask: '022', env: {} })).toEqual(await read({ env: {} }));
  });

  it('alone, and no wrapper, is steered by the variables of the dynamic loader', async () => {
    const params = { argv: ['/bin/true'], env: { LD_PRELOAD: '/no/such/library.so' } };
    const plain = await client.outputOf(params, 'stderr');
    expect(plain.match(/library\.so/g)).toHaveLength(1);
    expect(await client.outputOf({ ...params, ...modest }, 'stderr')).toBe(plain);
  });

  it('alone, and no wrapper, is looked for in its PATH', async () => {
    const fake = mkdtempSync(path.join(dir, 'bin-'));
    for (const name of ['prlimit', 'nice', 'setpriv', 'sh', 'env', 'program']) {
      const file = path.join(fake, name);
      writeFileSync(file, `#!/bin/sh\necho "${name} $PATH $@"\n`);
      chmodSync(file, 0o755);
    }
    const PATH = `${fake}:/usr/bin`;
    const params = { argv: ['program', 'a b', ''], env: { PATH }, ...modest };
    expect(await client.outputOf(params)).toBe(`program ${PATH} a b \n`);
  });

  it('is a script without #! for sh, as without restrictions', async () => {
    const file = path.join(dir, 'plain');
    writeFileSync(file, 'echo "plain $1"\n');
    chmodSync(file, 0o755);
    expect(await client.outputOf({ argv: ['./plain', 'a b'], ...modest })).toBe('plain a b\n');
  });

  it.each([
    ['a name that is not in PATH', { argv: ['no-such-program'] }],
    ['a path that leads nowhere', { argv: ['./no-such-program'] }],
    ['a file that is no program', { argv: ['/etc/passwd'] }],
    ['a directory', { argv: ['/tmp'] }],
    ['a cwd that is not there', { argv: ['true'], cwd: '/no/such' }],
    ['a cwd that is a file', { argv: ['true'], cwd: '/etc/passwd' }],
    ['a long argument', { argv: ['true', 'x'.repeat(131_072)] }],
    ['an interpreter that is not there', { argv: ['./lost'] }],
  ])('is not started for %s, and told as without restrictions', async (_fact, params) => {
    const file = path.join(dir, 'lost');
    writeFileSync(file, '#!  /no/such/interpreter -x\n');
    chmodSync(file, 0o755);
    const plain = await client.post('/processes', params);
    const { code, errno } = plain.body as { code: string; errno: string };
    expect(plain.body).toEqual(problem(422, code, { errno }));
    const restricted = await client.post('/processes', { ...params, ...modest });
    const isAboutSizes = code === 'argument_list_too_long';
    expect({ ...(restricted.body as object), instance: null }).toMatchObject({
      ...(plain.body as object),
      instance: null,
      ...(isAboutSizes ? { detail: expect.any(String) as unknown } : {}),
    });
  });

  it('is the same when it is asked for again, and another under other restrictions', async () => {
    const asked = { process_id: 'same', argv: ['true'], ...modest };
    const { nice, umask, limits } = modest;
    expect((await client.post('/processes', asked)).status).toBe(201);
    const again = { umask, nice, limits, argv: ['true'], process_id: 'same' };
    expect((await client.post('/processes', again)).status).toBe(200);
    for (const changed of [{ nice: 18 }, { umask: '0027' }, { limits: { open_files: 257 } }]) {
      const { status, body } = await client.post('/processes', { ...asked, ...changed });
      expect([status, body]).toEqual([409, problem(409, 'process_id_conflict')]);
    }
  });

  it.each([
    ...[{}, { open_files: 0 }, { open_files: 1.5 }, { open_files: '1' }, { open_files: null }].map(
      (limits) => ({ limits }),
    ),
    { limits: { cpu_ms: 1 } },
    { limits: { memory_bytes: 2 ** 53 } },
    { limits: { memory_bytes: Number(longestMember) } },
    { limits: 1 },
    ...[{ uid: 1 }, { gid: 1 }, { uid: -1, gid: 1 }, { uid: 1, gid: 4_294_967_295 }, 1, 'root'].map(
      (user) => ({ user }),
    ),
    { user: { uid: 1, gid: 1, groups: [] } },
    ...[-21, 20, 0.5, '1', null].map((nice) => ({ nice })),
    ...['22', '1022', '00022', '028', '', 'u=rwx', 18, null].map((umask) => ({ umask })),
  ])('is not started for %j, which is not valid', async (members) => {
    expect(told(await client.post('/processes', { argv: ['true'], ...members }))).toEqual(invalid);
  });
});

it('a process on a terminal has its restrictions too', async () => {
  const service = await openService({ SPAWNER: 'posix' });
  const client = new Client(service);
  const params = { argv: ['sh', '-c', 'tty >&2; umask; nice; ulimit -n'], tty: true, ...modest };
  expect(await client.outputOf(params, 'pty')).toMatch(
    /^\/dev\/pts\/\d+\r\n0027\r\n19\r\n256\r\n$/,
  );
  await service.stop();
});
