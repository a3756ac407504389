import { access, constants, stat } from 'node:fs/promises';
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
export async function resolveCommand({ argv, cwd, env }: SpawnRequest): Promise<string> {
  const [command = ''] = argv;
  const candidates = command.includes('/') ? [command] : inPath(command, env['PATH']);
  let isThere = false;
  for (const candidate of candidates) {
    const kind = await look(path.resolve(cwd, candidate));
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

async function look(file: string): Promise<'executable' | 'other' | 'nothing'> {
  try {
    await access(file, constants.X_OK);
    const found = await stat(file);
    return found.isFile() ? 'executable' : 'other';
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
