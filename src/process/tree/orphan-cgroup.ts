import type { Cgroup } from './cgroups.ts';
import { cgroupIn, removeEmptyWithBase } from './cgroups.ts';
import { isOfService } from './host-cgroups.ts';
import type { ProcessIdentity } from './identity.ts';
import { isOfThisBoot } from './identity.ts';

/** The group of a child whose service is gone. */
export interface OrphanCgroup extends Cgroup {
  /** Removes it, and what is left of the groups of its service, as far as nobody is in them. */
  remove(): void;
}

/** Null for none and for one of another boot. Its name is unguessable, so it is no stranger's. */
export function orphanCgroup(identity: ProcessIdentity | null): OrphanCgroup | null {
  if (!isOfThisBoot(identity)) return null;
  const { cgroup } = identity;
  if (cgroup === null || !isOfService(cgroup)) return null;
  return {
    ...cgroupIn(cgroup),
    remove() {
      removeEmptyWithBase(cgroup);
    },
  };
}
