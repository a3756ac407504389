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
  /** Logs that no process refers to. */
  readonly unknownLogs: number;
  /** Where the damaged metadata file was put; null when it was sound. */
  readonly damagedPath: string | null;
}

/**
 * Makes a store true again after a crash or damage: see {@link recoverProcesses}. Then deletes the
 * logs of removed processes. Those that no process refers to for another reason are left alone.
 */
export function repairStore(store: LeftStore, tombstoneMs: number): StoreRepairs {
  const { metadata, directory, now } = store;
  const { damagedPath } = metadata;
  const lost = metadata.mendDamaged(now() + tombstoneMs);
  const recovered = recoverProcesses(store);
  for (const incarnation of metadata.leavings.dropped()) {
    rmSync(join(directory, incarnation), { recursive: true, force: true });
    metadata.leavings.forgetDropped(incarnation);
  }
  return { recovered, lost, damagedPath, unknownLogs: unknownLogsIn(store) };
}

/** As the backend names them; whatever else lies there is not ours. */
const incarnationPattern = /^[0-9a-f]{32}$/;

function unknownLogsIn({ metadata, directory }: LeftStore): number {
  const names = readdirSync(directory).filter((name) => incarnationPattern.test(name));
  if (names.length === 0) return 0;
  const known = metadata.incarnations();
  return names.filter((name) => !known.has(name)).length;
}
