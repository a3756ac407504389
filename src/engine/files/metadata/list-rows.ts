import type { ListQuery } from '../../engine.ts';
import { decodeCursor, encodeCursor } from './list-cursor.ts';
import type { Metadata } from './metadata.ts';
import type { StoredRow } from './rows.ts';

/** A page of the rows that match a query, newest first. */
export function listRows(
  metadata: Pick<Metadata, 'list'>,
  { state, labels, limit, cursor }: ListQuery,
): { readonly rows: readonly StoredRow[]; readonly next_cursor: string | null } {
  const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : decodeCursor(cursor);
  // One more than asked for tells whether another page follows.
  const found = metadata.list({ state: state ?? null, labels, before, limit: limit + 1 });
  const rows = found.slice(0, limit);
  const last = found.length > limit ? rows.at(-1) : undefined;
  return { rows, next_cursor: last === undefined ? null : encodeCursor(last.ordinal) };
}
