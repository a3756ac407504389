import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { ProcessionError } from '../errors.ts';
import { errnoOf } from './errno.ts';
import type { SpawnRequest } from './spawner.ts';

/**
 * Finds the file that a command names, as the child itself would: in the child's `PATH`, or
 * `/usr/local/bin:/usr/bin:/bin` without one, and from the child's cwd. A command with a slash is no
 * name to look up and is given back as it came. The result may be relative to the cwd.
 * Rejects with `command_not_found`, or `not_executable` when only such files were found.
 */
export function resolveCommand(request: SpawnRequest): Promise<string> {
  return Promise.try(() => find(request));
}

function find({ argv, cwd, env }: SpawnRequest): string {
  const [command = ''] = argv;
  const candidates = command.includes('/') ? [command] : inPath(command, env['PATH']);
  let isThere = false;
  for (const candidate of candidates) {
    const kind = look(path.resolve(cwd, candidate));
    if (kind === 'executable') return candidate;
    isThere ||= kind === 'other';
  }
  throw isThere ? notExecutable(command) : notFound(command, cwd);
}

/** An empty entry of `PATH` is the cwd. */
function inPath(command: string, variable = defaultPath): readonly string[] {
  if (command === '') return [];
  return variable.split(':').map((directory) => `${directory || '.'}/${command}`);
}

const defaultPath = '/usr/local/bin:/usr/bin:/bin';

/** At once: most entries of a `PATH` miss, and a thread costs ten times what a look does. */
function look(file: string): 'executable' | 'other' | 'nothing' {
  try {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found === undefined) return 'nothing';
    if (!found.isFile()) return 'other';
    accessSync(file, constants.X_OK);
    return 'executable';
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return 'nothing';
    if (errno === 'EACCES') return 'other';
    throw error;
  }
}

function notFound(command: string, cwd: string): ProcessionError {
  const name = JSON.stringify(command);
  const detail = command.includes('/')
    ? `There is no file ${name}, seen from ${JSON.stringify(cwd)}.`
    : `${name} is in no directory of the child's PATH.`;
  return new ProcessionError('command_not_found', detail, { errno: 'ENOENT' });
}

function notExecutable(command: string): ProcessionError {
  const detail = `A file that may be executed was expected, and ${JSON.stringify(command)} is none.`;
  return new ProcessionError('not_executable', detail, { errno: 'EACCES' });
}
