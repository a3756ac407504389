import { errnoOf } from '../errno.ts';
import type { ProcessStat } from './process-table.ts';
import { statOf } from './process-table.ts';

/** Whom a look has found. */
export interface Member {
  readonly pid: number;
  readonly group: number;
  /** Null on hosts where nobody can be looked at. */
  readonly startTicks: number | null;
}

/**
 * A pid or, negative, a group. `gone`: nobody is there; `forbidden`: we may not signal him. What
 * cannot be a child's is nobody: 0 would be our own group, and -1 everybody on this host.
 */
export function send(target: number, signal: number): 'sent' | 'gone' | 'forbidden' {
  if (!isPid(Math.abs(target))) return 'gone';
  try {
    process.kill(target, signal);
    return 'sent';
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ESRCH') return 'gone';
    if (errno === 'EPERM') return 'forbidden';
    throw error;
  }
}

/** Whether a number may be that of a child: not of nobody, and not of init. */
export function isPid(number: number): boolean {
  return Number.isSafeInteger(number) && number > 1;
}

/** Signals one who was found; who has come by his pid since then gets nothing. */
export function sendToMember(member: Member, signal: number): void {
  if (isSame(member, statOf(member.pid))) send(member.pid, signal);
}

/**
 * Signals the group of those who were found in it. While one of them is in it still, its number
 * is no stranger's.
 */
export function sendToGroup(group: number, members: readonly Member[], signal: number): void {
  const isIn = (member: Member): boolean => {
    const stat = statOf(member.pid);
    return isSame(member, stat) && (stat === null || stat.group === group);
  };
  if (members.some(isIn)) send(-group, signal);
}

/** A scan takes a while, in which a pid may change hands. */
function isSame({ startTicks }: Member, stat: ProcessStat | null): boolean {
  return startTicks === null || stat?.startTicks === startTicks;
}
