import { ProcessionError } from '../../../errors.ts';
import { parseDecimal } from '../../../log/cursor.ts';

/** The place of a process in the list, as the opaque text that callers send back. */
export function encodeCursor(ordinal: number): string {
  return Buffer.from(ordinal.toString()).toString('base64url');
}

/** What {@link encodeCursor} was given; throws `invalid_request` for any other text. */
export function decodeCursor(cursor: string): number {
  const ordinal = parseDecimal(Buffer.from(cursor, 'base64url').toString());
  if (ordinal !== undefined && encodeCursor(ordinal) === cursor) return ordinal;
  throw new ProcessionError('invalid_request', 'expected cursor to be a next_cursor of this list');
}
