import { onTestFinished } from 'vitest';
import { hostCgroups } from '../../../src/process/tree/host-cgroups.ts';
import type { ProcessIdentity } from '../../../src/process/tree/identity.ts';
import { identify } from '../../../src/process/tree/identity.ts';
import { killQuietly, printedNumbers, request, start } from './children.ts';

/** What a service has left that is gone. */
export interface Orphan {
  readonly incarnation: string;
  readonly remains: ProcessIdentity;
  /** What the script has printed after its own pid. */
  readonly printed: readonly number[];
}

/**
 * Runs a script of `sh` that leads a session and whose parent is gone. It prints one line: its
 * pid, and those of whom it has started.
 */
export async function startOrphan(SCRIPT: string): Promise<Orphan> {
  const asked = request(['sh', '-c', 'setsid sh -c "$SCRIPT" &']);
  const { incarnation } = asked;
  const parent = await start(asked.argv, { ...asked, env: { ...asked.env, SCRIPT } });
  const [pid = 0, ...printed] = await printedNumbers(parent);
  onTestFinished(() => {
    [-pid, ...printed].forEach(killQuietly);
  });
  await parent.exit;
  hostCgroups()?.enter(incarnation, pid);
  return { incarnation, remains: identify(incarnation, pid), printed };
}
