import type { Process } from '../../src/protocol/process.ts';
import type { Claim } from './claim.ts';
import type { Evidence } from './evidence.ts';
import type { ServedLog, WireEvent } from './log.ts';
import { LogCollector, seenOf } from './log.ts';

const exit = { exit_code: 0, signal: null, exit_reason: 'exited' } as const;

/** The log of an honest process: it read two lines and wrote two, and one to stderr. */
export const wire: readonly WireEvent[] = [
  { type: 'output', seq: 1, stream: 'stdout', encoding: 'utf8', chunk: 'got word 1\n' },
  { type: 'output', seq: 2, stream: 'stderr', encoding: 'base64', chunk: '/wA=' },
  { type: 'output', seq: 3, stream: 'stdout', encoding: 'utf8', chunk: 'got word 2\n' },
  { type: 'exited', seq: 4, ...exit },
  { type: 'closed', seq: 5, ...exit, output_incomplete: false },
];

/** A log that holds these events. */
export function logOf(events: readonly WireEvent[]): ServedLog {
  const log = new LogCollector();
  events.forEach(log.take);
  return log.served('clean');
}

const running: Process = {
  process_id: 'p-1-echo',
  argv: ['sh'],
  cwd: '/',
  tty: false,
  size: null,
  pipe_stdin: true,
  labels: { key: '1-echo' },
  pid: 4711,
  state: 'running',
  exit_code: null,
  signal: null,
  exit_reason: null,
  failure: null,
  failure_reason: null,
  started_at: '2026-01-02T03:04:05.000Z',
  exited_at: null,
  closed_at: null,
  expires_at: null,
  first_retained_seq: 1,
  next_seq: 1,
  retained_bytes: 0,
  evicted_bytes: 0,
  stdin: 'open',
  owner: 'crash',
  output_incomplete: false,
};

const closed: Process = {
  ...running,
  state: 'closed',
  ...exit,
  exited_at: '2026-01-02T03:04:06.000Z',
  closed_at: '2026-01-02T03:04:06.001Z',
  expires_at: '2026-01-02T04:04:06.001Z',
  next_seq: 6,
  retained_bytes: 24,
  stdin: 'closed',
};

const claim: Claim = {
  key: '1-echo',
  body: {
    argv: ['sh'],
    process_id: 'p-1-echo',
    env: {},
    labels: {},
    grace_ms: 0,
    pipe_stdin: true,
  },
  mayEvict: false,
  processId: 'p-1-echo',
  isAcknowledged: true,
  removal: 'none',
  told: [running, closed],
  seen: new Map(wire.flatMap((event) => seenOf(event) ?? []).map((seen) => [seen.seq, seen])),
  sent: ['word 1', 'word 2'],
  faults: [],
};

/** A process that was closed before the kill, and all is well. */
export const closedOne: Evidence = {
  claim,
  served: {
    status: 200,
    snapshot: closed,
    listed: closed,
    paged: logOf(wire),
    streamed: logOf(wire),
    atEnd: 204,
    repeated: { status: 200, isReplay: true, process: closed },
  },
  traces: {
    diary: {
      stdout: Buffer.from('got word 1\ngot word 2\n'),
      stderr: Buffer.from([0xff, 0]),
      pty: Buffer.alloc(0),
    },
    starts: 1,
  },
};

const failed: Process = {
  ...running,
  state: 'failed',
  failure: 'the service was restarted',
  failure_reason: 'server_restarted',
  expires_at: '2026-01-02T04:04:06.001Z',
  next_seq: 3,
  retained_bytes: 13,
  stdin: 'closed',
};

const prefix = wire.slice(0, 2);

/** A process that was running at the kill, of which the last line was lost. */
export const failedOne: Evidence = {
  claim: { ...claim, told: [running, running], seen: new Map([...claim.seen].slice(0, 2)) },
  served: {
    ...closedOne.served,
    snapshot: failed,
    listed: failed,
    paged: logOf(prefix),
    streamed: { ...logOf(prefix), hasFailed: true },
    repeated: { status: 200, isReplay: true, process: failed },
  },
  traces: closedOne.traces,
};
