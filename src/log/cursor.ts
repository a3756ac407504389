import { ProcessionError } from '../errors.ts';

/** The grammar of every number in a query or header: plain decimal, at most 2^53 − 1. */
const decimalPattern = '^(0|[1-9][0-9]{0,15})$';

const decimal = new RegExp(decimalPattern);

/** The number that a strict decimal says; undefined for anything else. */
export function parseDecimal(text: string): number | undefined {
  const value = decimal.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}

/**
 * The cursor of a request: a non-empty `Last-Event-ID`, else `after_seq`, else null.
 * Throws `invalid_cursor` for anything but a strict decimal.
 */
export function cursorOf(lastEventId: unknown, afterSeq: unknown): number | null {
  const named = lastEventId === undefined || lastEventId === '' ? afterSeq : lastEventId;
  if (named === undefined) return null;
  const cursor = typeof named === 'string' ? parseDecimal(named) : undefined;
  if (cursor !== undefined) return cursor;
  throw new ProcessionError(
    'invalid_cursor',
    `expected a decimal number from 0 to 2^53-1, got ${JSON.stringify(named).slice(0, 80)}`,
  );
}
