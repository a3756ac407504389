import { ProcessionError } from '../errors.ts';
import { signalNumber } from '../signals.ts';

/** The number of a signal. Throws `invalid_request` when this host has none of that name. */
export function requireSignal(name: string): number {
  const number = signalNumber(name);
  if (number !== undefined) return number;
  throw new ProcessionError('invalid_request', `${name} is not a signal of this host`, {
    errors: [{ pointer: '/signal', detail: 'must be a signal of this host' }],
  });
}
