import { setTimeout as sleep } from 'node:timers/promises';
import type { Life } from './cast.ts';
import { graceMs } from './cast.ts';
import type { Violation } from './checker.ts';
import type { Evidence } from './evidence.ts';
import type { Marked } from './proc.ts';
import { findMarked, killMarked } from './proc.ts';

/** How long after the grace a child of a dead service may last, once the next one listens. */
const orphanMsMax = 1000;

/** Waits for the end of all children of a life and those before it; says who is left. */
export async function orphansOf(
  life: Life,
  evidence: readonly Evidence[],
  listensAt: number,
): Promise<readonly Violation[]> {
  const deadline = listensAt + graceMs + orphanMsMax;
  let left = childrenOf(life);
  while (left.length > 0 && performance.now() < deadline) {
    await sleep(20);
    left = childrenOf(life);
  }
  return left.map((orphan) => violationOf(orphan, evidence));
}

/** Does what the service should have done, so that the next look finds only what is new. */
export function killOrphans(life: Life): void {
  for (const orphan of childrenOf(life)) killMarked(orphan);
}

function childrenOf({ campaign, number }: Life): readonly Marked[] {
  return findMarked(campaign).filter(({ life }) => life <= number);
}

function violationOf({ key, pid, command }: Marked, evidence: readonly Evidence[]): Violation {
  const found = evidence.find(({ claim }) => claim.key === key);
  return { check: checkOf(found), key, detail: `${pid} still runs: ${command}` };
}

/** A start can be cut after the child runs and before it is recorded, let alone answered. */
function checkOf(found: Evidence | undefined): string {
  if (found?.claim.isAcknowledged === true) return 'orphan';
  return found?.served.status === 404 ? 'orphan unknown' : 'orphan unanswered';
}
