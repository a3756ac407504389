import { constants } from 'node:os';

/**
 * The number of a signal that this host knows by a name, else undefined. Real-time
 * signals are `SIGRTMIN+n` or `SIGRTMAX-n`; the two that the C library keeps for itself, and
 * that have no name, are `SIG32` and `SIG33`.
 */
export function signalNumber(name: string): number | undefined {
  return numbers.get(name) ?? internalNumber(name) ?? realTimeNumber(name);
}

/** The one name of a signal number, else undefined; `SIGRTMIN+n` for a real-time signal. */
export function signalName(number: number): string | undefined {
  if (isRealTime(number)) return `SIGRTMIN+${number - realTimeFirst}`;
  if (isInternal(number)) return `SIG${number}`;
  return names.get(number);
}

/** Whether this host knows a signal by that name. */
export function isSignalName(name: string): boolean {
  return signalNumber(name) !== undefined;
}

const entries = Object.entries(constants.signals);
const numbers: ReadonlyMap<string, number> = new Map(entries);

/** Of two names for one number the first counts: SIGABRT and not SIGIOT. */
const names: ReadonlyMap<number, string> = new Map(
  entries.toReversed().map(([name, number]) => [number, name]),
);

/** What the C library leaves to programs; the kernel begins two earlier. */
const realTimeFirst = 34;
const realTimeLast = 64;

function isRealTime(number: number): boolean {
  return (
    process.platform === 'linux' &&
    Number.isInteger(number) &&
    number >= realTimeFirst &&
    number <= realTimeLast
  );
}

function isInternal(number: number): boolean {
  return process.platform === 'linux' && (number === 32 || number === 33);
}

function internalNumber(name: string): number | undefined {
  const number = Number(/^SIG(3[23])$/.exec(name)?.[1]);
  return isInternal(number) ? number : undefined;
}

function realTimeNumber(name: string): number | undefined {
  const up = /^SIGRTMIN(?:\+(\d{1,2}))?$/.exec(name);
  const down = /^SIGRTMAX(?:-(\d{1,2}))?$/.exec(name);
  if (up === null && down === null) return undefined;
  const number = up ? realTimeFirst + Number(up[1] ?? 0) : realTimeLast - Number(down?.[1] ?? 0);
  return isRealTime(number) ? number : undefined;
}
