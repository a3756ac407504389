import type { ProcessEntry, ProcessTable } from '../../../src/process/tree/process-table.ts';

/** A process table that does not change; null: a host without one. */
export function tableOf(
  entries: readonly ProcessEntry[] | null,
): Pick<ProcessTable, 'read' | 'each'> {
  return {
    read: () => Promise.resolve(entries),
    each: (visit) => {
      entries?.forEach(visit);
      return Promise.resolve();
    },
  };
}
