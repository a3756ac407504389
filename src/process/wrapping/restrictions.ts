import { ProcessionError } from '../../errors.ts';
import type { ProcessLimits, ProcessUser, StartParams } from '../../exec-types.ts';
import type { Powers } from './powers.ts';
import { capability } from './powers.ts';

/** What a start asks to be held to. */
export type Restrictions = Pick<StartParams, 'limits' | 'user' | 'nice' | 'umask'>;

/** A restriction that the host cannot keep, named by its place in the request. */
export function unsupported(member: string, reason: string): ProcessionError {
  return new ProcessionError('unsupported', `${member} ${reason}`, { member });
}

/** Throws `unsupported` for the first restriction that would not be kept with these powers. */
export function refuseRestrictions(asked: Restrictions, powers: Powers): void {
  refuseLimits(asked, powers);
  if (asked.user !== undefined) refuseUser(asked.user, powers);
  if (asked.nice !== undefined) refuseNice(asked.nice, powers);
}

/** The limits that are asked for, in the order of the protocol. */
export function limitsIn({ limits = {} }: Restrictions): readonly (readonly [LimitName, number])[] {
  return limitNames.flatMap((name) => {
    const value = limits[name];
    return value === undefined ? [] : [[name, value] as const];
  });
}

/** A member of `limits`. */
export type LimitName = keyof ProcessLimits;

const limitNames = [
  'memory_bytes',
  'cpu_seconds',
  'open_files',
  'processes',
  'file_bytes',
] as const satisfies readonly LimitName[];

/** The hard limit for what is asked: from SIGXCPU, which says why, to SIGKILL is a second. */
export function hardLimit(name: LimitName, value: number): number {
  return name === 'cpu_seconds' ? value + 1 : value;
}

/** Whether somebody is what the commands run as anyway, so that nothing is to be done. */
export function isSameUser({ uid, gid }: ProcessUser, powers: Powers): boolean {
  return uid === powers.uid && gid === powers.gid && powers.groups.every((group) => group === gid);
}

function refuseLimits(asked: Restrictions, powers: Powers): void {
  for (const [name, value] of limitsIn(asked)) {
    if (name === 'processes' && isExempt(asked.user, powers)) {
      const reason = 'is not kept for root, nor for who has the privileges of root';
      throw unsupported(`limits.${name}`, reason);
    }
    refuseLimit(name, value, powers);
  }
}

function refuseLimit(name: LimitName, value: number, powers: Powers): void {
  const member = `limits.${name}`;
  const most = powers.hardLimits.get(name);
  const wanted = hardLimit(name, value);
  if (most === undefined) throw unsupported(member, 'needs a host that tells its limits in /proc');
  if (wanted > most && !can(powers, capability.sysResource)) {
    throw unsupported(
      member,
      `needs a hard limit of ${wanted}, and ${most} may be exceeded only with CAP_SYS_RESOURCE`,
    );
  }
  if (name === 'open_files' && value > powers.openFilesMax) {
    throw unsupported(member, `may be ${powers.openFilesMax} at most on this host`);
  }
}

/** See fork(2), `EAGAIN`. */
function isExempt(user: ProcessUser | undefined, powers: Powers): boolean {
  const uid = user?.uid ?? powers.uid;
  if (uid === 0) return true;
  const keepsPrivileges = uid === powers.uid;
  const isFree = can(powers, capability.sysResource) || can(powers, capability.sysAdmin);
  return keepsPrivileges && isFree;
}

function refuseUser(user: ProcessUser, powers: Powers): void {
  if (isSameUser(user, powers)) return;
  const needed = [capability.setUid, capability.setGid, capability.kill];
  if (!needed.every((one) => can(powers, one))) {
    const own = `${powers.uid}:${powers.gid}`;
    throw unsupported('user', `can be changed by root only, and commands run as ${own}`);
  }
  const isThere = holds(powers.uids, user.uid) && holds(powers.gids, user.gid);
  if (!isThere) throw unsupported('user', 'is not in the user namespace of the commands');
}

function holds(ranges: Powers['uids'], id: number): boolean {
  return ranges.some(({ first, count }) => id >= first && id < first + count);
}

function refuseNice(nice: number, powers: Powers): void {
  if (nice >= powers.nice || can(powers, capability.sysNice)) return;
  throw unsupported('nice', `below ${powers.nice}, which commands have anyway, needs root`);
}

function can({ capabilities }: Powers, one: bigint): boolean {
  return (capabilities & one) !== 0n;
}
