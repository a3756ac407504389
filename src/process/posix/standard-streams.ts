import type { Child } from '../spawner.ts';

/** What a child gets as one of its descriptors: a copy of one of ours, or a file to open. */
export type Descriptor =
  { readonly fd: number } | { readonly path: string; readonly flags: number };

/** The two sides of what a child that is about to start will read and write. */
export interface StandardStreams {
  /** What the child gets as 0, 1 and 2. */
  readonly descriptors: readonly Descriptor[];
  /** Nothing was started: closes both sides. */
  discard(): void;
  /** The child runs: lets go of its side, and gives ours. */
  keep(exit: Child['exit']): Pick<Child, 'stdin' | 'outputs' | 'terminal'>;
}
