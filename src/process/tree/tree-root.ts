import type { Cgroups } from './cgroups.ts';
import type { ProcessIdentity } from './identity.ts';
import type { ProcessTable } from './process-table.ts';

/** What every tree has. */
interface Tree {
  /** The value of the marker variable in the child's environment. */
  readonly incarnation: string;
  /** Where to look; default: this host. */
  readonly table?: Pick<ProcessTable, 'read' | 'each'>;
}

/** Which child a tree grows from. */
export interface TreeRoot extends Tree {
  readonly pid: number;
  /** Resolves when the child is reaped, and never rejects; null: that was long ago. */
  readonly exit: Promise<unknown> | null;
  /** The groups of the kernel, or null where there are none; default: those of this host. */
  readonly cgroups?: Pick<Cgroups, 'of'> | null;
  readonly remains?: never;
}

/** What is left of a tree whose service is gone. */
export interface TreeRemains extends Tree {
  /** Of the child; null: the service died while it started that, so nothing was recorded. */
  readonly remains: ProcessIdentity | null;
}
