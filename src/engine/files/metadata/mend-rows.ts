import { hasIntactRecord, isIntactRow } from './rows.ts';
import type { Statements } from './statements.ts';
import { unwritten } from './statements.ts';

/**
 * Deals with the rows that cannot be read. When only what became of a process is damaged, that is
 * taken for unknown, so that it is recovered from the log. Else the row is removed, and its id is
 * buried until a time. Says how many were removed.
 */
export function mendRows(statements: Statements, until: number): number {
  const damaged = statements.all.all().filter((row) => !isIntactRow(row));
  const { state, lifecycle, layout, ends_at, state_checksum } = unwritten;
  for (const row of damaged.filter(hasIntactRecord)) {
    const ordinal = Number(row['ordinal']);
    statements.replaceState.run({ state, lifecycle, layout, ends_at, state_checksum, ordinal });
  }
  const lost = damaged.filter((row) => !hasIntactRecord(row));
  for (const { ordinal, process_id } of lost) {
    statements.drop.run(Number(ordinal));
    statements.bury.run(String(process_id), until);
  }
  return lost.length;
}
