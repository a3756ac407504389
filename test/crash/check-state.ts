import { isDeepStrictEqual } from 'node:util';
import type { Process } from '../../src/protocol/process.ts';
import type { Evidence } from './evidence.ts';

/** Who was acknowledged is there, who was removed is not, and the list says the same. */
export function presence({ claim, served }: Evidence): readonly string[] {
  const { status, snapshot, listed } = served;
  const allowed = statusesOf(claim);
  if (!allowed.includes(status)) return [`${status} instead of ${allowed.join(' or ')}`];
  return isDeepStrictEqual(snapshot, listed) ? [] : [`listed as ${JSON.stringify(listed)}`];
}

/** It is over, in the one state that its log tells. */
export function state({ served: { snapshot, paged } }: Evidence): readonly string[] {
  if (snapshot === null || paged === null) return [];
  const isClosed = paged.events.some(({ type }) => type === 'closed');
  const faults = [];
  const expected = isClosed ? 'closed' : 'failed';
  if (snapshot.state !== expected) faults.push(`${snapshot.state} instead of ${expected}`);
  const reason = isClosed ? null : 'server_restarted';
  if (snapshot.failure_reason !== reason) faults.push(`failed for ${snapshot.failure_reason}`);
  if ((snapshot.failure !== null) !== (reason !== null)) faults.push(`failure ${snapshot.failure}`);
  if ((snapshot.closed_at !== null) !== isClosed) faults.push(`closed at ${snapshot.closed_at}`);
  if (snapshot.stdin !== 'closed') faults.push('its input is open');
  if (snapshot.expires_at === null) faults.push('it never expires');
  return faults;
}

/** The exit is the one that the log holds, or unknown. */
export function exit({ served: { snapshot, paged } }: Evidence): readonly string[] {
  if (snapshot === null || paged === null) return [];
  const { exit_code, signal, exit_reason, exited_at, output_incomplete } = snapshot;
  const said = JSON.stringify([exit_code, signal, exit_reason, null]);
  const exited = paged.events.find(({ type }) => type === 'exited');
  const held = exited?.digest ?? JSON.stringify([null, null, null, null]);
  const faults = said === held ? [] : [`is ${said}, its log has ${held}`];
  if ((exited_at === null) !== (exited === undefined)) faults.push(`exited at ${exited_at}`);
  const closed = paged.events.find(({ type }) => type === 'closed');
  const closedDigest = JSON.stringify([exit_code, signal, exit_reason, output_incomplete]);
  if (closed !== undefined && closed.digest !== closedDigest) {
    faults.push(`is ${closedDigest}, its close has ${closed.digest}`);
  }
  return faults;
}

/** What was shown once stays true: it only moves on. */
export function told({ claim, served: { snapshot } }: Evidence): readonly string[] {
  if (snapshot === null || claim.told === null) return [];
  const [first, last] = claim.told;
  const faults = changes(first, snapshot, fixed);
  if (last.state === 'closed') faults.push(...changes(last, snapshot, Object.keys(last)));
  if (last.exited_at !== null) faults.push(...changes(last, snapshot, ofExit));
  if (snapshot.next_seq < last.next_seq) faults.push(`the log ended at ${last.next_seq} before`);
  return [...new Set(faults)];
}

/** A start that was acknowledged can be repeated, and finds what it has started. */
export function repeat({ claim, served }: Evidence): readonly string[] {
  const { repeated, snapshot } = served;
  if (repeated === null) return [];
  const { status, isReplay, process } = repeated;
  if (claim.removal !== 'none' && status === 410) return [];
  if (claim.removal === 'done') return [`${status} for a removed one`];
  const isSame = isDeepStrictEqual(process, snapshot);
  if (status === 200 && isReplay && isSame) return [];
  return [`answered with ${status}, replay: ${isReplay}, the same process: ${isSame}`];
}

function statusesOf({ isAcknowledged, removal }: Evidence['claim']): readonly number[] {
  if (removal === 'done') return [410];
  if (removal === 'asked') return [200, 410];
  return isAcknowledged ? [200] : [200, 404];
}

function changes(from: Process, to: Process, members: readonly string[]): string[] {
  const before = new Map<string, unknown>(Object.entries(from));
  const after = new Map<string, unknown>(Object.entries(to));
  return members
    .filter((name) => !isDeepStrictEqual(before.get(name), after.get(name)))
    .map((name) => `${name} was ${text(before.get(name))} and is ${text(after.get(name))}`);
}

const ofExit = ['exit_code', 'signal', 'exit_reason', 'exited_at'];

const fixed = [
  'process_id',
  'argv',
  'cwd',
  'tty',
  'size',
  'pipe_stdin',
  'labels',
  'pid',
  'started_at',
  'owner',
];

function text(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
