import { describe, expect, it } from 'vitest';
import type { Powers } from '../../../src/process/wrapping/powers.ts';
import { capability } from '../../../src/process/wrapping/powers.ts';
import type { Restrictions } from '../../../src/process/wrapping/restrictions.ts';
import type { WrappedProgram, Wrapping } from '../../../src/process/wrapping/wrap.ts';
import { chainOf, wrap } from '../../../src/process/wrapping/wrap.ts';
import { findTools, toolPaths } from '../../../src/process/wrapping/wrappers.ts';

const all = [{ first: 0, count: 0xffff_ffff }];
const root: Powers = {
  uid: 0,
  gid: 0,
  groups: [],
  nice: 0,
  capabilities: 0xffff_ffffn,
  hardLimits: new Map([
    ['memory_bytes', Infinity],
    ['cpu_seconds', 60],
    ['open_files', 4096],
    ['processes', 1000],
    ['file_bytes', Infinity],
  ]),
  openFilesMax: 1_048_576,
  uids: all,
  gids: all,
};
const user: Powers = { ...root, uid: 1000, gid: 100, groups: [100], capabilities: 0n };
const tools = findTools((path) => path.startsWith('/usr/'));

function wrapping(changes: Partial<Wrapping> = {}): Wrapping {
  return { runner: [], tools, powers: root, ownVariables: {}, ...changes };
}

const program: WrappedProgram = { argv: ['/bin/prog', '-a', 'A=b'], env: { A: '1' } };

/** What is spawned in place of the program. */
function wrapped(
  asked: Restrictions,
  changes: Partial<Wrapping> = {},
  what = program,
): WrappedProgram {
  const chain = chainOf(asked, wrapping(changes));
  return chain === null ? what : wrap(what, chain, wrapping(changes));
}

/** The member and the text that a start is refused with. */
function refusal(asked: Restrictions, powers: Powers): unknown {
  try {
    return chainOf(asked, wrapping({ powers }));
  } catch (error) {
    return error;
  }
}

function unsupported(member: string, message: RegExp | string): unknown {
  const matching: unknown = expect.stringMatching(message);
  return expect.objectContaining({ code: 'unsupported', members: { member }, message: matching });
}

describe('the chain', () => {
  it('is none when nothing is asked', () => {
    expect(chainOf({}, wrapping())).toBeNull();
  });

  it('is the runner, limits, priority, user, umask, late variables, and the program', () => {
    const asked = {
      limits: { file_bytes: 5, memory_bytes: 1, open_files: 3, processes: 4, cpu_seconds: 2 },
      user: { uid: 7, gid: 8 },
      nice: -4,
      umask: '027',
    };
    const what = { argv: program.argv, env: { A: '1', LD_PRELOAD: '/x y.so' } };
    expect(wrapped(asked, { runner: ['/opt/run', '--'] }, what)).toEqual({
      argv: [
        ...['/opt/run', '--'],
        ...['/usr/bin/prlimit', '--as=1:1', '--cpu=2:3', '--nofile=3:3', '--nproc=4:4'],
        ...['--fsize=5:5', '--'],
        ...['/usr/bin/nice', '-n', '-4', '--'],
        ...[
          '/usr/bin/setpriv',
          '--reuid=7',
          '--regid=8',
          '--clear-groups',
          '--inh-caps=-all',
          '--',
        ],
        ...['/usr/bin/sh', '-c', 'umask "$1" && shift && exec "$@"', 'sh', '027'],
        ...['/usr/bin/env', '-u', 'PWD', '-u', 'OLDPWD', '-u', 'SHLVL', '-u', '_', '--'],
        'LD_PRELOAD=/x y.so',
        ...['/bin/prog', '-a', 'A=b'],
      ],
      env: { A: '1' },
    });
  });

  it('adds to the niceness that there is', () => {
    const powers = { ...root, nice: 5 };
    expect(wrapped({ nice: 3 }, { powers }).argv.slice(0, 3)).toEqual([
      '/usr/bin/nice',
      '-n',
      '-2',
    ]);
    expect(chainOf({ nice: 5 }, wrapping({ powers }))).toBeNull();
  });

  it('has no step for the user that commands run as anyway', () => {
    expect(chainOf({ user: { uid: 0, gid: 0 } }, wrapping())).toBeNull();
    expect(chainOf({ user: { uid: 1000, gid: 100 } }, wrapping({ powers: user }))).toBeNull();
  });

  it('drops the groups of the own user when there are others', () => {
    const powers = { ...root, groups: [0, 4] };
    expect(chainOf({ user: { uid: 0, gid: 0 } }, wrapping({ powers }))?.argv).toContain(
      '--clear-groups',
    );
  });

  it.each([
    [{ limits: { cpu_seconds: 1 } }, 'prlimit', 'limits.cpu_seconds'],
    [{ nice: 1 }, 'nice', 'nice'],
    [{ user: { uid: 1, gid: 1 } }, 'setpriv', 'user'],
    [{ umask: '000' }, 'sh', 'umask'],
  ] as const)('for %j needs %s', (asked, name, member) => {
    const fewer = new Map([...tools].filter(([tool]) => tool !== name));
    expect(() => chainOf(asked, wrapping({ tools: fewer }))).toThrow(
      `${member} needs ${name}, which is neither in /usr/bin nor in /bin`,
    );
  });
});

describe('tools', () => {
  it('are looked for in /usr/bin, then in /bin', () => {
    expect(findTools((path) => path === '/bin/sh' || path === '/usr/bin/env')).toEqual(
      new Map([
        ['sh', '/bin/sh'],
        ['env', '/usr/bin/env'],
      ]),
    );
    expect(toolPaths.slice(0, 2)).toEqual(['/usr/bin/prlimit', '/bin/prlimit']);
  });
});

describe('variables', () => {
  const variables = (env: Record<string, string>, changes: Partial<Wrapping> = {}) =>
    wrapped({ nice: 1 }, changes, { argv: ['/bin/prog'], env });

  it('that steer nothing go through the wrappers, where no one reads them', () => {
    const env = { SECRET: 's', NODE_AUTH_TOKEN: 't', LANG: 'C', PROCESS_TREE_ID: 'x' };
    expect(variables(env)).toEqual({
      argv: ['/usr/bin/nice', '-n', '1', '--', '/bin/prog'],
      env,
    });
  });

  it.each([
    ...[
      'LD_PRELOAD',
      'LD_AUDIT',
      'LD_X',
      'GLIBC_TUNABLES',
      'GCONV_PATH',
      'LOCPATH',
      'MALLOC_CHECK_',
    ],
    ...['BASH_ENV', 'BASH_FUNC_exec%%', 'ENV', 'IFS', 'PWD', 'PATH', 'HOME', 'DOCKER_HOST', 'a.b'],
  ])('%s is set for the program only', (name) => {
    expect(variables({ [name]: 'v=w', A: '1' })).toEqual({
      argv: ['/usr/bin/nice', '-n', '1', '--', '/usr/bin/env', '--', `${name}=v=w`, '/bin/prog'],
      env: { A: '1' },
    });
  });

  it('of the service stand in for those of the caller', () => {
    const ownVariables = { PATH: '/own', HOME: '/me' };
    expect(variables({ PATH: '/his', HOME: '/me' }, { ownVariables })).toEqual({
      argv: ['/usr/bin/nice', '-n', '1', '--', '/usr/bin/env', '--', 'PATH=/his', '/bin/prog'],
      env: { PATH: '/own', HOME: '/me' },
    });
    expect(variables({}, { ownVariables }).argv.slice(4)).toEqual([
      ...['/usr/bin/env', '-u', 'PATH', '-u', 'HOME', '--'],
      '/bin/prog',
    ]);
    expect(variables(ownVariables, { ownVariables }).argv.slice(4)).toEqual(['/bin/prog']);
  });

  it('that a shell adds are removed, and those that were there are restored', () => {
    const env = { PWD: '/p', SHLVL: '3' };
    expect(wrapped({ umask: '022' }, {}, { argv: ['/bin/prog'], env }).argv.slice(5)).toEqual([
      ...['/usr/bin/env', '-u', 'OLDPWD', '-u', '_', '--', 'PWD=/p', 'SHLVL=3'],
      '/bin/prog',
    ]);
  });

  it('that need env cannot be set for a program with = in its path', () => {
    const env = { LD_PRELOAD: 'x' };
    const odd = { argv: ['/a=b/prog'], env };
    expect(() => wrapped({ nice: 1 }, {}, odd)).toThrow(/^argv has a program with = in its path/);
    expect(wrapped({ nice: 1 }, {}, { ...odd, env: {} }).argv).toContain('/a=b/prog');
  });

  it('that need env cannot be set without it', () => {
    const fewer = new Map([...tools].filter(([tool]) => tool !== 'env'));
    expect(() => variables({ PATH: '/x' }, { tools: fewer })).toThrow(/^env needs env, /);
  });
});

describe('a restriction that would not be kept is refused', () => {
  it.each([
    ['memory_bytes', 2 ** 53 - 1, null],
    ['cpu_seconds', 59, 60],
    ['open_files', 4096, 4096],
    ['processes', 1000, 1000],
  ] as const)('limits.%s above %d needs root', (name, value, most) => {
    const asked = { limits: { [name]: value } };
    expect(refusal(asked, user)).toMatchObject({ throughShell: false });
    if (most === null) return;
    const above = { limits: { [name]: value + 1 } };
    const text = `limits.${name} needs a hard limit of ${most + 1}, and ${most} may be exceeded only with CAP_SYS_RESOURCE`;
    expect(refusal(above, user)).toEqual(unsupported(`limits.${name}`, text));
    const able = { ...user, capabilities: capability.sysResource };
    if (name !== 'processes') expect(refusal(above, able)).toMatchObject({ throughShell: false });
  });

  it('limits.open_files above what the host has, for root too', () => {
    expect(refusal({ limits: { open_files: 1_048_576 } }, root)).toMatchObject({
      throughShell: false,
    });
    expect(refusal({ limits: { open_files: 1_048_577 } }, root)).toEqual(
      unsupported('limits.open_files', 'may be 1048576 at most on this host'),
    );
  });

  it('limits.processes for root, and for who may do as root', () => {
    const asked = { limits: { processes: 10 } };
    const exempt = unsupported('limits.processes', 'is not kept for root');
    const toRoot = { ...asked, user: { uid: 0, gid: 0 } };
    expect(refusal(asked, root)).toEqual(exempt);
    expect(refusal(toRoot, root)).toEqual(exempt);
    expect(refusal({ ...asked, user: { uid: 1, gid: 1 } }, root)).toMatchObject({
      throughShell: false,
    });
    for (const capabilities of [capability.sysAdmin, capability.sysResource]) {
      expect(refusal(asked, { ...user, capabilities })).toEqual(exempt);
    }
    expect(refusal(asked, user)).toMatchObject({ throughShell: false });
  });

  it('a user without the privileges to become, or to end it', () => {
    const asked = { user: { uid: 1001, gid: 100 } };
    const text = 'user can be changed by root only, and commands run as 1000:100';
    const { setUid, setGid, kill } = capability;
    for (const capabilities of [0n, setUid | setGid, setUid | kill, setGid | kill]) {
      expect(refusal(asked, { ...user, capabilities })).toEqual(unsupported('user', text));
    }
    const able = { ...user, capabilities: setUid | setGid | kill };
    expect(refusal(asked, able)).toMatchObject({ throughShell: false });
    expect(refusal({ user: { uid: 1000, gid: 100 } }, { ...user, groups: [4] })).toEqual(
      unsupported('user', text),
    );
  });

  it('a user that the user namespace does not have', () => {
    const powers = { ...root, uids: [{ first: 0, count: 10 }], gids: [{ first: 5, count: 10 }] };
    for (const one of [
      { uid: 9, gid: 5 },
      { uid: 0, gid: 14 },
    ]) {
      expect(refusal({ user: one }, powers)).toMatchObject({ throughShell: false });
    }
    for (const one of [
      { uid: 10, gid: 5 },
      { uid: 9, gid: 4 },
      { uid: 9, gid: 15 },
    ]) {
      expect(refusal({ user: one }, powers)).toEqual(
        unsupported('user', 'is not in the user namespace'),
      );
    }
  });

  it('a niceness below our own', () => {
    const powers = { ...user, nice: 4 };
    expect(refusal({ nice: 4 }, powers)).toBeNull();
    expect(refusal({ nice: 19 }, powers)).toMatchObject({ throughShell: false });
    expect(refusal({ nice: 3 }, powers)).toEqual(
      unsupported('nice', 'nice below 4, which commands have anyway, needs root'),
    );
    const able = { ...powers, capabilities: capability.sysNice };
    expect(refusal({ nice: -20 }, able)).toMatchObject({ throughShell: false });
  });
});
