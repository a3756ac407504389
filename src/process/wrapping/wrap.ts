import type { Powers } from './powers.ts';
import { powersOf } from './powers.ts';
import type { Restrictions } from './restrictions.ts';
import {
  hardLimit,
  isSameUser,
  limitsIn,
  refuseRestrictions,
  unsupported,
} from './restrictions.ts';
import { divideEnvironment } from './wrapper-environment.ts';
import type { ToolName, Tools } from './wrappers.ts';

/** What is put before commands, and what it can do. */
export interface Wrapping {
  /** The operator's prefix for every command; empty: none. */
  readonly runner: readonly string[];
  /** The tools behind the runner. */
  readonly tools: Tools;
  /** What a program may do behind the runner. */
  readonly powers: Powers;
  /** The variables that wrappers get instead of the caller's. */
  readonly ownVariables: Readonly<Record<string, string>>;
}

/** Nothing is put before commands, and no restriction can be kept. */
export const noWrapping: Wrapping = {
  runner: [],
  tools: new Map(),
  powers: powersOf(new Map()),
  ownVariables: {},
};

/** A program and its arguments, and its variables. */
export interface WrappedProgram {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What stands before one command; each becomes the next, but for the runner perhaps. */
export interface Chain {
  readonly argv: readonly string[];
  readonly throughShell: boolean;
  /** Whether the last tool still has the privileges of root, so that the program may not follow it. */
  readonly needsEnv: boolean;
}

/**
 * The wrappers of a start; null: it needs none. Throws `unsupported` for what would not be
 * kept. The limits and the priority come before the user is changed, since they may need the
 * privileges that go with it.
 */
export function chainOf(asked: Restrictions, { runner, tools, powers }: Wrapping): Chain | null {
  refuseRestrictions(asked, powers);
  const steps = [
    ...limitStep(asked, tools),
    ...niceStep(asked, { tools, powers }),
    ...userStep(asked, { tools, powers }),
    ...umaskStep(asked, tools),
  ];
  const argv = [...runner, ...steps];
  if (argv.length === 0) return null;
  const throughShell = asked.umask !== undefined;
  const changesUser = asked.user !== undefined && !isSameUser(asked.user, powers);
  return { argv, throughShell, needsEnv: changesUser && !throughShell };
}

/** Puts the wrappers before a program whose file is absolute. */
export function wrap(
  { argv, env }: WrappedProgram,
  chain: Chain,
  { tools, ownVariables: own }: Wrapping,
): WrappedProgram {
  const { throughShell, needsEnv } = chain;
  const { forWrappers, unset, set } = divideEnvironment(env, { own, throughShell });
  const assignments = Object.entries(set).map(([name, value]) => `${name}=${value}`);
  if (!needsEnv && unset.length + assignments.length === 0) {
    return { argv: [...chain.argv, ...argv], env: forWrappers };
  }
  if (argv[0]?.includes('=') === true) {
    throw unsupported('argv', 'has a program with = in its path, which env takes for a variable');
  }
  const removals = unset.flatMap((name) => ['-u', name]);
  const step = [toolFor('env', tools, 'env'), ...removals, '--', ...assignments];
  return { argv: [...chain.argv, ...step, ...argv], env: forWrappers };
}

function limitStep(asked: Restrictions, tools: Tools): readonly string[] {
  const limits = limitsIn(asked);
  const [first] = limits;
  if (first === undefined) return [];
  const options = limits.map(
    ([name, value]) => `${option[name]}=${value}:${hardLimit(name, value)}`,
  );
  return [toolFor('prlimit', tools, `limits.${first[0]}`), ...options, '--'];
}

const option = {
  memory_bytes: '--as',
  cpu_seconds: '--cpu',
  open_files: '--nofile',
  processes: '--nproc',
  file_bytes: '--fsize',
} as const;

type Means = Pick<Wrapping, 'tools' | 'powers'>;

/** The tool adds to what there is, and only warns when it may not, so that is refused before. */
function niceStep({ nice }: Restrictions, { tools, powers }: Means): readonly string[] {
  if (nice === undefined || nice === powers.nice) return [];
  return [toolFor('nice', tools, 'nice'), '-n', String(nice - powers.nice), '--'];
}

/** The kernel takes privileges with the user only from root. */
function userStep({ user }: Restrictions, { tools, powers }: Means): readonly string[] {
  if (user === undefined || isSameUser(user, powers)) return [];
  const ids = [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--inh-caps=-all'];
  return [toolFor('setpriv', tools, 'user'), ...ids, '--'];
}

function umaskStep({ umask }: Restrictions, tools: Tools): readonly string[] {
  if (umask === undefined) return [];
  return [toolFor('sh', tools, 'umask'), '-c', 'umask "$1" && shift && exec "$@"', 'sh', umask];
}

function toolFor(name: ToolName, tools: Tools, member: string): string {
  const tool = tools.get(name);
  if (tool !== undefined) return tool;
  throw unsupported(member, `needs ${name}, which is neither in /usr/bin nor in /bin`);
}
