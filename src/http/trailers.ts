import type { ClosedEvent } from '../log/event.ts';
import { signalNumber } from '../signals.ts';

/** The trailers that tell a shell how a process ended: 128 + the number for a signal. */
export function exitTrailers(closed: ClosedEvent | null): Record<string, string> {
  if (closed === null) return {};
  const { exit_code, signal } = closed;
  if (signal === null) return { 'Exit-Code': String(exit_code ?? 0) };
  return { 'Exit-Code': String(128 + (signalNumber(signal) ?? 0)), 'Exit-Signal': signal };
}
