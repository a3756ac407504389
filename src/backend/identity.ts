import { createHash, randomUUID } from 'node:crypto';
import { ProcessionError } from '../errors.ts';
import type { StartParams } from '../exec-types.ts';

/**
 * A new process id: unguessable, and sorted by time as text. Layout of a UUID version 7
 * (RFC 9562): 48 bits of milliseconds, then 74 random bits, which a version 4 has at the same places.
 */
export function newProcessId(now: number): string {
  const milliseconds = now.toString(16).padStart(12, '0');
  const random = randomUUID().slice('xxxxxxxx-xxxx-4'.length);
  return `${milliseconds.slice(0, 8)}-${milliseconds.slice(8)}-7${random}`;
}

/** A name for one start that is never used twice. */
export function newIncarnation(): string {
  return randomUUID().replaceAll('-', '');
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

/** What is told of an id whose process was removed a while ago. */
export function expired(processId: string): ProcessionError {
  return new ProcessionError('process_expired', `process ${processId} was removed`);
}

function sortedMembers(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
