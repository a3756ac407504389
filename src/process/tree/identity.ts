import { readFileSync, readlinkSync } from 'node:fs';
import { hostCgroups } from './host-cgroups.ts';
import { hasOurPids, statOf } from './process-table.ts';

/** What tells a process from every other one, also after the service that started it is gone. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it was started, in hundredths of a second since the boot; null where unknown. */
  readonly start_ticks: number | null;
  /** Where pids and ticks mean this, see {@link thisBoot}; null where unknown. */
  readonly boot_id: string | null;
  /** Its cgroup directory; null without one. */
  readonly cgroup: string | null;
}

/**
 * Of a child that was just started and has entered its cgroup. One file is read. A zombie still
 * has its identity; who was reaped already is found by cgroup and marker alone.
 */
export function identify(incarnation: string, pid: number): ProcessIdentity {
  return {
    pid,
    start_ticks: statOf(pid)?.startTicks ?? null,
    boot_id: thisBoot(),
    cgroup: hostCgroups()?.directoryOf(incarnation) ?? null,
  };
}

/** Whether the numbers in an identity still mean what they meant when it was recorded. */
export function isOfThisBoot(identity: ProcessIdentity | null): identity is ProcessIdentity {
  return identity !== null && identity.boot_id !== null && identity.boot_id === thisBoot();
}

/**
 * The boot of this host and the pid namespace that we are in, as `<boot id>/pid:[<inode>]`: all
 * containers of a host share its boot id, while each has pids of its own. Null where unknown.
 */
export function thisBoot(): string | null {
  if (boot === undefined) boot = readBoot();
  return boot;
}

let boot: string | null | undefined;

function readBoot(): string | null {
  try {
    if (!hasOurPids()) return null;
    const id = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${id}/${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return null;
  }
}
