import { accessSync, constants, statSync } from 'node:fs';
import { ProcessionError } from '../errors.ts';
import { errnoOf } from './errno.ts';

/**
 * Throws when no child could be started in a directory, and says why. Asked beforehand
 * because the system blames a bad cwd on the command. At once, since a thread costs ten times
 * what a look does, and the start itself would wait for the same directory.
 */
export function checkCwd(cwd: string): void {
  try {
    const found = statSync(cwd);
    if (!found.isDirectory()) throw notDirectory(cwd);
    accessSync(cwd, constants.X_OK);
  } catch (error) {
    throw cwdError(cwd, error);
  }
}

function cwdError(cwd: string, error: unknown): unknown {
  const errno = errnoOf(error);
  const members = { errno, cause: error };
  switch (errno) {
    case undefined:
      return error;
    case 'ENOTDIR':
      return notDirectory(cwd);
    case 'EACCES':
    case 'EPERM':
      return new ProcessionError('cwd_forbidden', `${quote(cwd)} may not be entered.`, members);
    default:
      return new ProcessionError('cwd_not_found', `${quote(cwd)} was not found.`, members);
  }
}

function notDirectory(cwd: string): ProcessionError {
  const detail = `The cwd must be a directory, and ${quote(cwd)} is, or leads through, a file.`;
  return new ProcessionError('cwd_not_directory', detail, { errno: 'ENOTDIR' });
}

function quote(text: string): string {
  return JSON.stringify(text);
}
