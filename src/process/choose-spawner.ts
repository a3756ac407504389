import { loadLibc } from './posix/libc.ts';
import { posixSpawner } from './posix/spawn-posix.ts';
import { execaSpawner } from './spawn-execa.ts';
import type { Spawner } from './spawner.ts';

/** A spawner and its name. */
export interface ChosenSpawner {
  readonly name: 'posix' | 'execa';
  readonly spawner: Spawner;
}

/**
 * The spawner that a setting names. `auto`: `posix` where it loads, else `execa`. Rejects for
 * `posix` where it does not load.
 */
export async function chooseSpawner(asked: 'auto' | 'posix' | 'execa'): Promise<ChosenSpawner> {
  if (asked === 'execa') return execa;
  try {
    return { name: 'posix', spawner: await onlyPosixSpawner() };
  } catch (error) {
    if (asked === 'auto') return execa;
    throw error;
  }
}

const execa: ChosenSpawner = { name: 'execa', spawner: execaSpawner };

let loading: Promise<Spawner> | undefined;

/** There is one SIGCHLD for the whole process. */
function onlyPosixSpawner(): Promise<Spawner> {
  return (loading ??= loadLibc().then(posixSpawner));
}
