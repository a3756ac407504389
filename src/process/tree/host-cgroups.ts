import { accessSync, constants, existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Cgroups, removeEmpty } from './cgroups.ts';

/** Followed by the pid of who made it. */
const prefix = 'procession-';

let host: Cgroups | null | undefined;

/** The groups of this host; null where it has none, or lets us make none. */
export function hostCgroups(): Cgroups | null {
  if (host === undefined) host = openHostCgroups();
  return host;
}

function openHostCgroups(): Cgroups | null {
  try {
    const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    const [, mount] = /^(?:\S+ ){4}(\S+) .* - cgroup2 /m.exec(mounts) ?? [];
    if (own === undefined || mount === undefined) return null;
    const cgroups = new Cgroups(makeBase(path.join(mount, own)));
    process.once('exit', () => {
      cgroups.close();
    });
    return cgroups;
  } catch {
    return null;
  }
}

/** Whether a directory is the group of a child, by the name of the one that it was made in. */
export function isOfService(directory: string): boolean {
  return path.basename(path.dirname(directory)).startsWith(prefix);
}

/** A group in our own one. Throws when none can be made there, or not be killed. */
export function makeBase(parent: string): string {
  sweep(parent);
  // Unguessable, since a process of another pid namespace may have our pid and our parent.
  const base = mkdtempSync(path.join(parent, `${prefix}${process.pid}-`));
  try {
    // From Linux 5.14 on; without it a group is no better than the marker.
    accessSync(path.join(base, 'cgroup.kill'), constants.W_OK);
    return base;
  } catch (error) {
    removeEmpty(base);
    throw error;
  }
}

/** Removes what services that are no more have left here, but for groups that somebody is in. */
function sweep(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    // In a container a service may have the same pid each time.
    if (pid === process.pid || !existsSync(`/proc/${pid}`)) removeEmpty(path.join(parent, name));
  }
}
