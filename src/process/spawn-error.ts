import type { ErrorCode } from '../errors.ts';
import { ProcessionError } from '../errors.ts';
import { codeOf, errnoOf } from './errno.ts';
import type { SpawnRequest } from './spawner.ts';

/**
 * What kept a child from starting, whether Node threw it or sent it as an event. Presumes
 * that the cwd and the command were looked at before, so `ENOENT` is about an interpreter.
 */
export function spawnError(error: unknown, request: SpawnRequest): ProcessionError {
  if (error instanceof ProcessionError) return error;
  const errno = errnoOf(error);
  const code = codes.get(errno) ?? 'spawn_failed';
  const detail = describe[code]?.(request, errno) ?? describeOther(request, error);
  return new ProcessionError(code, detail, { ...(errno && { errno }), cause: error });
}

const codes: ReadonlyMap<string | undefined, ErrorCode> = new Map<string, ErrorCode>([
  ['E2BIG', 'argument_list_too_long'],
  ['ENOENT', 'command_not_found'],
  ['ENOTDIR', 'command_not_found'],
  ['EACCES', 'not_executable'],
  ['ENOEXEC', 'not_executable'],
  ['EAGAIN', 'resources_exhausted'],
  ['EMFILE', 'resources_exhausted'],
  ['ENFILE', 'resources_exhausted'],
  ['ENOMEM', 'resources_exhausted'],
]);

type Describe = (request: SpawnRequest, errno: string | undefined) => string;

const describe: Partial<Record<ErrorCode, Describe>> = {
  argument_list_too_long: ({ argv, env }) =>
    'Each argument and variable must be shorter than 128 KiB, and all together must fit the ' +
    `host's limit, usually 2 MiB; came ${argv.length} arguments of ${bytesOf(argv)} bytes and ` +
    `${Object.keys(env).length} variables of ${bytesOf(Object.values(env))} bytes.`,
  command_not_found: ({ argv }) =>
    `${JSON.stringify(argv[0])} is there, but the interpreter that its first line names is not.`,
  not_executable: ({ argv }) =>
    `The host does not execute ${JSON.stringify(argv[0])}: a program or a script was expected.`,
  resources_exhausted: ({ argv }, errno) =>
    `The host has no file descriptor, process or memory left for ${JSON.stringify(argv[0])}` +
    ` (${String(errno)}).`,
};

/** Node's own text is not repeated: it may show the value of a variable. */
function describeOther({ argv, arg0 = '', cwd, env }: SpawnRequest, error: unknown): string {
  const command = JSON.stringify(argv[0]);
  const strings = [...argv, arg0, cwd, ...Object.keys(env), ...Object.values(env)];
  return strings.some((string) => string.includes('\0'))
    ? `${command}, its arguments, its variables or its cwd hold a NUL, which no program can get.`
    : `${command} could not be started (${codeOf(error) ?? 'unknown reason'}).`;
}

function bytesOf(strings: readonly string[]): number {
  return strings.reduce((bytes, string) => bytes + Buffer.byteLength(string), 0);
}
