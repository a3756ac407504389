import path from 'node:path';
import { ProcessionError } from '../../errors.ts';
import { checkCwd } from '../check-cwd.ts';
import { checkInterpreter } from './check-interpreter.ts';
import { resolveCommand } from '../resolve-command.ts';
import type { Restrictions } from './restrictions.ts';
import { unsupported } from './restrictions.ts';
import { spawnError } from '../spawn-error.ts';
import type { Child, Spawner, SpawnRequest } from '../spawner.ts';
import type { Wrapping } from './wrap.ts';
import { chainOf, wrap } from './wrap.ts';

/** What starts children, and what is put before them. */
export interface WrappedSpawning {
  readonly spawner: Spawner;
  readonly wrapping: Wrapping;
}

/**
 * Starts a child behind the operator's runner and held to restrictions. The wrappers run in
 * the child's cwd, and every one of ours becomes the next, so the child's pid is the
 * program's, unless the runner forks. Rejects as {@link Spawner.spawn} does: the command is
 * looked up before, as without wrappers.
 */
export async function spawnWrapped(
  { spawner, wrapping }: WrappedSpawning,
  request: SpawnRequest,
  restrictions: Restrictions,
): Promise<Child> {
  const chain = chainOf(restrictions, wrapping);
  if (chain === null) return spawner.spawn(request);
  if (request.arg0 !== undefined) {
    throw unsupported('arg0', 'cannot be given to a program behind a runner or restrictions');
  }
  const file = await find(request);
  const program = { argv: [file, ...request.argv.slice(1)], env: request.env };
  return spawnFirst(spawner, { ...request, ...wrap(program, chain, wrapping) });
}

async function find(request: SpawnRequest): Promise<string> {
  try {
    checkCwd(request.cwd);
    const file = path.resolve(request.cwd, await resolveCommand(request));
    checkInterpreter(file, request.cwd);
    return file;
  } catch (error) {
    throw spawnError(error, request);
  }
}

/** The caller is not to blame for a wrapper that has gone. */
async function spawnFirst(spawner: Spawner, request: SpawnRequest): Promise<Child> {
  try {
    return await spawner.spawn(request);
  } catch (cause) {
    if (!isAboutCommand(cause)) throw cause;
    throw new Error(`a wrapper cannot be started any more: ${String(request.argv[0])}`, { cause });
  }
}

function isAboutCommand(error: unknown): boolean {
  if (!(error instanceof ProcessionError)) return false;
  return error.code === 'command_not_found' || error.code === 'not_executable';
}
