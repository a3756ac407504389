import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { LeftStore } from './recover-processes.ts';
import { recoverProcesses } from './recover-processes.ts';

/** What had to be done before a store could be used. */
export interface StoreRepairs {
  /** Processes that ran when the service before this one died. */
  readonly recovered: number;
  /** Processes that are lost, since their rows were damaged. */
  readonly lost: number;
  /** Where the damaged metadata file was put; null when it was sound. */
  readonly damagedPath: string | null;
}

/**
 * Makes a store true again after a crash or damage: see {@link recoverProcesses}. Then removes
 * logs that no process refers to, unless processes were lost.
 */
export function repairStore(store: LeftStore): StoreRepairs {
  const { metadata } = store;
  const { damagedPath } = metadata;
  const lost = metadata.dropDamaged();
  const recovered = recoverProcesses(store);
  if (lost === 0 && damagedPath === null) removeUnknown(store);
  return { recovered, lost, damagedPath };
}

/** As the backend names them; whatever else lies there is not ours. */
const incarnationPattern = /^[0-9a-f]{32}$/;

function removeUnknown({ metadata, directory }: LeftStore): void {
  const names = readdirSync(directory).filter((name) => incarnationPattern.test(name));
  if (names.length === 0) return;
  const known = metadata.incarnations();
  for (const name of names) {
    if (!known.has(name)) rmSync(join(directory, name), { recursive: true, force: true });
  }
}
