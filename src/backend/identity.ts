import { createHash, randomBytes } from 'node:crypto';
import { ProcessionError } from '../errors.ts';
import type { StartParams } from '../exec-types.ts';

/**
 * A new process id: unguessable, and sorted by time as text. Layout of a UUID version 7
 * (RFC 9562): 48 bits of milliseconds, then 74 random bits.
 */
export function newProcessId(now: number): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(now, 0, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** A name for one start that is never used twice. */
export function newIncarnation(): string {
  return randomBytes(16).toString('hex');
}

/** Hash of the members of a start request as given; their order does not count. */
export function fingerprintOf(params: StartParams): string {
  return createHash('sha256').update(JSON.stringify(params, sortedMembers)).digest('hex');
}

/** Throws `process_id_conflict` unless a start asks for what is known under its id. */
export function requireSame(processId: string, known: string, asked: string): void {
  if (known === asked) return;
  throw new ProcessionError(
    'process_id_conflict',
    `process ${processId} was started by a different request`,
  );
}

function sortedMembers(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
