import { describe, expect, test } from 'vitest';
import type { Process } from '../../src/protocol/process.ts';
import { violationsOf } from './checker.ts';
import type { Claim } from './claim.ts';
import { ClaimBook } from './claim.ts';
import type { Evidence, Served, Traces } from './evidence.ts';
import type { WireEvent } from './log.ts';
import { closedOne, failedOne, logOf, wire } from './sample.ts';

describe('the checker', () => {
  test.for([
    ['a closed process', closedOne],
    ['one that was running at the kill', failedOne],
    ['one that had exited and was not closed', exitedOne()],
    ['a big one that lost its beginning to the bound', evictedOne()],
    ['a removed one', removedOne()],
    ['an unanswered start that nobody knows', { ...unknownOne(), claim: unanswered() }],
    ['an unanswered start that is known', withClaim(failedOne, { isAcknowledged: false })],
  ] as const)('finds nothing wrong with %s', ([, evidence]) => {
    expect(violationsOf(evidence)).toEqual([]);
  });

  test.for<[fault: string, check: string, evidence: Evidence]>([
    ['an answer that should not have come', 'faults', withClaim(closedOne, { faults: ['500'] })],
    ['an acknowledged one that is gone', 'presence', unknownOne()],
    ['a removed one that is back', 'presence', withClaim(closedOne, { removal: 'done' })],
    ['one that the list lacks', 'presence', withServed(closedOne, { listed: null })],
    ['one that the list shows otherwise', 'presence', listedAs({ ...closed(), pid: 1 })],
    ['one that runs for ever', 'state', shown(failedOne, { state: 'running' })],
    ['one that failed for another reason', 'state', shown(failedOne, { failure_reason: null })],
    ['one that failed although its log is closed', 'state', shown(closedOne, { state: 'failed' })],
    ['one that can be written to', 'state', shown(failedOne, { stdin: 'open' })],
    ['one that never expires', 'state', shown(failedOne, { expires_at: null })],
    ['an exit that the log has not', 'exit', shown(failedOne, { exit_code: 0 })],
    ['an exit other than that of the log', 'exit', shown(closedOne, { exit_code: 1 })],
    ['a known exit that was forgotten', 'exit', shown(exitedOne(), { exit_code: null })],
    ['a close other than that of the log', 'exit', shown(closedOne, { output_incomplete: true })],
    ['another pid', 'told', shown(failedOne, { pid: 4712 })],
    ['other labels', 'told', shown(failedOne, { labels: {} })],
    ['a close at another time', 'told', shown(closedOne, { closed_at: closed().started_at })],
    ['a shorter log than was told', 'told', shown(closedOne, { next_seq: 5 })],
    ['a repeated start that starts', 'repeat', repeated({ status: 201, isReplay: false })],
    ['a repeated start that does not say so', 'repeat', repeated({ isReplay: false })],
    [
      'a repeated start of something else',
      'repeat',
      repeated({ process: failedOne.served.listed }),
    ],
    ['a removed one that is started again', 'repeat', restarted()],
    ['a hole', 'density', paged([...wire.slice(0, 1), ...wire.slice(2)])],
    ['a repetition', 'density', paged([...wire.slice(0, 1), ...wire])],
    ['a gap that no bound explains', 'density', withClaim(evictedOne(), { mayEvict: false })],
    ['a gap too short', 'density', paged([{ ...gap, to_seq: 1 }, ...wire.slice(2)], evictedOne())],
    [
      'a second exit',
      'density',
      paged([...wire.slice(0, 4), { ...wire[3], type: 'exited', seq: 5 }]),
    ],
    ['output after the close', 'density', paged([...wire.slice(0, 4), ...swapped()])],
    ['a log that ends early', 'density', paged(wire.slice(0, 4))],
    ['a wrong count of bytes', 'extent', shown(closedOne, { retained_bytes: 23 })],
    ['a wrong count of lost bytes', 'extent', shown(evictedOne(), { evicted_bytes: 12 })],
    ['a wrong beginning', 'extent', shown(evictedOne(), { first_retained_seq: 1 })],
    ['pages that lead nowhere', 'agreement', withServed(closedOne, { paged: cut('late') })],
    ['a stream that is cut', 'agreement', withServed(closedOne, { streamed: cut('cut') })],
    ['a stream that lacks the failure', 'agreement', streamed(failedOne, wire.slice(0, 2))],
    ['a stream with other bytes', 'agreement', streamed(closedOne, otherBytes())],
    ['a stream with another gap', 'agreement', streamed(evictedOne(), wire)],
    ['an end that is open', 'agreement', withServed(closedOne, { atEnd: 200 })],
    ['other bytes than a reader was given', 'readers', paged(otherBytes())],
    ['less than a reader was given', 'readers', paged(wire.slice(0, 3))],
    ['a gap over what a reader has', 'readers', withClaim(evictedOne(), { mayEvict: false })],
    ['bytes that were never written', 'diary', traced({ diary: { ...diary, stdout: half } })],
    ['less than a whole diary', 'diary', traced({ diary: { ...diary, pty: half } })],
    ['bytes of another place', 'diary', traced({ diary: twice() }, evictedOne())],
    ['a line that was read twice', 'input', traced({ diary: twice() })],
    [
      'a line that was never read',
      'input',
      withClaim(closedOne, { sent: ['word 1', 'word 2', ''] }),
    ],
    ['a start that ran twice', 'once', traced({ starts: 2 })],
    ['output of a child that never ran', 'once', traced({ starts: 0 })],
  ])('finds %s', ([, check, evidence]) => {
    expect(violationsOf(evidence).map((violation) => violation.check)).toContain(check);
  });

  test('knows when two readers were given different events', () => {
    const { key, body, mayEvict } = closedOne.claim;
    const book = new ClaimBook({ key, body, mayEvict }, () => undefined);
    wire.forEach(book.give);
    wire.forEach(book.give);
    expect(book.faults).toEqual([]);
    otherBytes().forEach(book.give);
    expect(book.faults).toEqual(['readers were given two different events with seq 1']);
  });
});

const { diary } = closedOne.traces;
const half = Buffer.from('got word 1\n');
const gap = { type: 'gap', from_seq: 1, to_seq: 2, bytes: 13 };

function withClaim(evidence: Evidence, changed: Partial<Claim>): Evidence {
  return { ...evidence, claim: { ...evidence.claim, ...changed } };
}

function withServed(evidence: Evidence, changed: Partial<Served>): Evidence {
  return { ...evidence, served: { ...evidence.served, ...changed } };
}

function traced(changed: Partial<Traces>, evidence = closedOne): Evidence {
  return { ...evidence, traces: { ...evidence.traces, ...changed } };
}

function shown(evidence: Evidence, changed: Partial<Process>): Evidence {
  const process = { ...(evidence.served.snapshot ?? closed()), ...changed };
  const { repeated } = evidence.served;
  return withServed(evidence, {
    snapshot: process,
    listed: process,
    repeated: repeated === null ? null : { ...repeated, process },
  });
}

function listedAs(listed: Process): Evidence {
  return withServed(closedOne, { listed });
}

function repeated(changed: Partial<NonNullable<Served['repeated']>>): Evidence {
  const process = closed();
  return withServed(closedOne, {
    repeated: { status: 200, isReplay: true, process, ...changed },
  });
}

function paged(events: readonly WireEvent[], evidence = closedOne): Evidence {
  return withServed(evidence, { paged: logOf(events) });
}

function streamed(evidence: Evidence, events: readonly WireEvent[]): Evidence {
  return withServed(evidence, { streamed: logOf(events) });
}

function cut(end: 'cut' | 'late') {
  return { ...logOf(wire), end };
}

function otherBytes(): readonly WireEvent[] {
  return wire.map((event) => (event.seq === 1 ? { ...event, chunk: 'got word x\n' } : event));
}

function swapped(): readonly WireEvent[] {
  return [
    { ...wire[4], type: 'closed', seq: 5 },
    { ...wire[0], type: 'output', seq: 6 },
  ];
}

/** A diary in which the first line comes twice. */
function twice(): Traces['diary'] {
  return { ...diary, stdout: Buffer.concat([half, diary['stdout'] ?? half]) };
}

function closed(): Process {
  if (closedOne.served.snapshot === null) throw new Error('the sample is there');
  return closedOne.served.snapshot;
}

function exitedOne(): Evidence {
  const { exit_code, exit_reason, exited_at } = closed();
  const log = { ...logOf(wire.slice(0, 4)), hasFailed: true };
  const changed = { exit_code, exit_reason, exited_at, next_seq: 5, retained_bytes: 24 };
  return withServed(shown(failedOne, changed), { paged: log, streamed: log });
}

/** Its first two events are evicted. */
function evictedOne(): Evidence {
  const log = logOf([gap, ...wire.slice(2)]);
  const stdout = Buffer.from('13 other bytegot word 2\n');
  const extent = { first_retained_seq: 3, retained_bytes: 11, evicted_bytes: 13 };
  const base = withServed(shown(closedOne, extent), { paged: log, streamed: log });
  const claim = { mayEvict: true, told: null, body: { ...base.claim.body, pipe_stdin: false } };
  return traced({ diary: { stdout } }, withClaim(base, claim));
}

const nobody = {
  snapshot: null,
  listed: null,
  paged: null,
  streamed: null,
  atEnd: null,
};

function removedOne(): Evidence {
  const refused = { status: 410, isReplay: false, process: null };
  const served = { ...nobody, status: 410, repeated: refused };
  return withClaim(withServed(closedOne, served), { removal: 'done' });
}

function restarted(): Evidence {
  const { served } = removedOne();
  const again = { status: 201, isReplay: false, process: failedOne.served.snapshot };
  return withServed(removedOne(), { ...served, repeated: again });
}

function unknownOne(): Evidence {
  return withServed(closedOne, { ...nobody, status: 404, repeated: null });
}

function unanswered(): Claim {
  return { ...closedOne.claim, isAcknowledged: false, told: null };
}
