import { ProcessionError, isErrorCode } from '../errors.ts';
import { Disconnected } from './recovery.ts';

/**
 * The error that a server answered with, its problem as the cause. A code that this release
 * does not know is an `internal_error` that tells it. A gateway that reached no server is as
 * no answer.
 */
export function problemOf(status: number, body: string): ProcessionError {
  const {
    type,
    title,
    status: said = status,
    detail,
    instance,
    code,
    ...members
  } = membersOf(body);
  const text = typeof detail === 'string' ? detail : `the server answered ${status}`;
  const cause = { type, title, status: said, instance };
  if (isErrorCode(code)) return new ProcessionError(code, text, { ...members, cause });
  if (code === undefined && gateway.has(status)) return new Disconnected(text, cause);
  return new ProcessionError('internal_error', text, { ...members, code, status, cause });
}

const gateway = new Set([502, 503, 504]);

function membersOf(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
