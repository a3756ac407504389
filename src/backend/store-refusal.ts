import { StoreFullError } from '../engine/engine.ts';
import { ProcessionError } from '../errors.ts';

/** What a caller is told whose start a store has refused. */
export function storeRefusal(cause: unknown): ProcessionError {
  if (isFull(cause)) return new ProcessionError('store_full', 'the store has no room', { cause });
  return new ProcessionError('store_failing', 'the start could not be recorded', { cause });
}

const fullErrnos = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** As SQLite numbers it. */
const sqliteFull = 13;

function isFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof StoreFullError) return true;
  if ('errcode' in error) return error.errcode === sqliteFull;
  return 'code' in error && typeof error.code === 'string' && fullErrnos.has(error.code);
}
