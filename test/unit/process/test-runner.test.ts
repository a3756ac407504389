import { readFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { chooseSpawner } from '../../../src/process/choose-spawner.ts';
import { testRunner } from '../../../src/process/wrapping/test-runner.ts';
import { isRoot } from '../../support/host.ts';
import { eventually } from '../../support/eventually.ts';
import { isAlive } from './children.ts';

interface Changes {
  readonly claims?: readonly string[];
  readonly msMax?: number;
}

/** Tests a runner; resolves with null, or with the sentence that it is refused with. */
async function faultOf(
  runner: readonly string[],
  { claims = [], ...rest }: Changes = {},
  name: 'posix' | 'execa' = 'posix',
): Promise<string | null> {
  const { spawner } = await chooseSpawner(name);
  const env = { PATH: process.env['PATH'] ?? '' };
  const asked = { spawner, runner, claims, cwd: tmpdir(), env, ...rest };
  return testRunner(asked).then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : 'no error'),
  );
}

/** A runner that is a script; the command is its arguments. */
function script(text: string): readonly string[] {
  return ['/bin/sh', '-c', text, 'sh'];
}

const nobody = ['/usr/bin/setpriv', '--reuid=1000', '--regid=1000', '--clear-groups'];
const harmless = [...nobody, '--inh-caps=-all', '--bounding-set=-all', '--no-new-privs', '--'];

/** What a child of Node gets beside its standard streams: what Node itself was given so. */
function leaked(): readonly string[] {
  return readdirSync('/proc/self/fdinfo').filter((fd) => Number(fd) > 2 && !isClosedOnExec(fd));
}

function isClosedOnExec(fd: string): boolean {
  try {
    const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
    return (parseInt(flags ?? '0', 8) & 0o2_000_000) !== 0;
  } catch {
    return true;
  }
}

const fit = [
  [['/usr/bin/env'], []],
  [['/usr/bin/setpriv', '--no-new-privs', '--'], ['no_new_privs']],
  [script('exec "$@"'), []],
  [script('"$@"'), []],
] as const;

it.each(fit)('%j is fit, claiming %j', async (runner, claims) => {
  expect(await faultOf(runner, { claims })).toBeNull();
});

it.each(fit)(
  '%j with the execa spawner is fit if the service inherited nothing',
  async (...test) => {
    const [runner, claims] = test;
    const others = leaked();
    expect(await faultOf(runner, { claims }, 'execa')).toBe(
      others.length === 0
        ? null
        : 'PROCESSION_RUNNER cannot be used: a command must have the descriptors 0 1 2 alone, ' +
            `and has ${['0', '1', '2', ...others].sort().join(' ')}`,
    );
  },
);

describe('a runner', () => {
  it.each([
    [['/usr/bin/unshare', '--pid', '--fork', '--kill-child', '--'], ['pid_namespace']],
    [['/usr/bin/unshare', '--pid', '--fork', '--mount-proc', '--'], ['pid_namespace']],
    [['/usr/bin/unshare', '--net', '--'], ['no_network']],
    [harmless, ['uid=1000', 'no_capabilities', 'no_new_privs']],
    [
      [...nobody, '--bounding-set=-all', '--'],
      ['uid=1000', 'no_capabilities'],
    ],
  ])('%j, as root, keeps %j', async (runner, claims) => {
    const fault = await faultOf(runner, { claims });
    if (isRoot) expect(fault).toBeNull();
    else expect(fault).toMatch(/^PROCESSION_RUNNER cannot be used: [^\n]*$/);
  });

  it.each([
    ['pid_namespace', /pid:\[\d+\], which is the service’s own$/],
    ['no_network', /net:\[\d+\], which is the service’s own$/],
    ['no_new_privs', /NoNewPrivs 0$/],
    ['no_capabilities', /Cap(Prm|Bnd) [0-9a-f]+$/],
    ['uid=12345', /Uid \d+ \d+ \d+ \d+$/],
  ])('that does nothing and claims %s is refused with what was seen', async (claim, seen) => {
    const claims = claim === 'pid_namespace' ? [claim] : [claim, 'pid_namespace'];
    const fault = await faultOf(['/usr/bin/env'], { claims });
    expect(fault).toMatch(
      new RegExp(`^PROCESSION_RUNNER_CLAIMS has ${claim}, and behind the runner was `),
    );
    expect(fault).toMatch(seen);
  });

  it('that leaves itself outside of its namespace has none, as root', async () => {
    const runner = ['/usr/bin/unshare', '--pid', '--'];
    const fault = await faultOf(runner, { claims: ['pid_namespace'] });
    const claims =
      /^PROCESSION_RUNNER_CLAIMS has pid_namespace, .* no namespace that could be told$/;
    expect(fault).toMatch(isRoot ? claims : /^PROCESSION_RUNNER cannot be used: /);
  });

  it.each([
    ['is not there', ['/no/such/runner'], 'There is no file "/no/such/runner"'],
    ['may not be executed', ['/etc/passwd'], 'A file that may be executed was expected'],
    ['runs nothing', ['/bin/true'], 'ended with exit code 0, not with its exit code 37'],
    ['fails', script('echo no daemon >&2; exit 125'), 'standard error was "no daemon\\n"'],
    ['swallows the exit code', script('"$@"; exit 0'), 'ended with exit code 0'],
    ['dies', script('kill -9 $$'), 'ended with SIGKILL'],
    ['splits arguments', script('exec $*'), 'ended with exit code 2'],
    ['changes an argument', script('a=$4; set -- "$1" "$2" "$3" x x; "$@"; exit 37'), 'unchanged'],
    ['greets', script('echo hi; exec "$@"'), 'its standard output through unchanged'],
    ['says goodbye', script('"$@"; code=$?; echo bye; exit $code'), 'standard output through'],
    ['ends lines its own way', script('"$@" | tr -d "\\r"; exit 37'), 'standard output through'],
    ['warns', script('echo hi >&2; exec "$@"'), 'its standard error through unchanged: "hi\\n'],
    ['joins the outputs', script('exec "$@" 2>&1'), 'unchanged'],
    ['leaves a descriptor open', script('exec "$@" 7</dev/null'), 'and has 0 1 2 7'],
    ['closes one', script('exec "$@" <&-'), 'and has 1 2'],
  ])('that %s is refused', async (_fact, runner, reason) => {
    const fault = await faultOf(runner);
    expect(fault).toMatch(/^PROCESSION_RUNNER cannot be used: [^\n]*$/);
    expect(fault).toContain(reason);
  });

  it('that does not end is refused after a time, and killed', async () => {
    const pids: number[] = [];
    const { spawner } = await chooseSpawner('posix');
    const spying = {
      spawn: async (request: Parameters<typeof spawner.spawn>[0]) => {
        const child = await spawner.spawn(request);
        pids.push(child.pid);
        return child;
      },
    };
    const asked = { spawner: spying, claims: [], cwd: '/', env: {}, msMax: 50 };
    await expect(testRunner({ ...asked, runner: ['/bin/sh', '-c', 'sleep 60'] })).rejects.toThrow(
      /^PROCESSION_RUNNER cannot be used: the probe behind it was not over after 50 ms$/,
    );
    expect(pids).toHaveLength(1);
    await eventually(
      () => pids.filter(isAlive),
      (alive) => alive.length === 0,
    );
  });
});
