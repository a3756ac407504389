import type { LogHead, ProcessRecord } from '../../../src/engine/engine.ts';
import { emptyHead } from '../../../src/engine/engine.ts';
import type {
  ClosedEvent,
  ExitedEvent,
  ExitStatus,
  LogEvent,
  OutputEvent,
} from '../../../src/log/event.ts';
import type { Closed, Exited, Failed, Lifecycle } from '../../../src/log/lifecycle.ts';
import { running } from '../../../src/log/lifecycle.ts';
import type { HubOptions } from '../../../src/replica/hub.ts';
import { Hub } from '../../../src/replica/hub.ts';
import { MemoryEngine } from './memory-engine.ts';

export const success: ExitStatus = { exit_code: 0, signal: null, exit_reason: 'exited' };

/** A process that was started at a round time. */
export function recordOf(members: Partial<ProcessRecord> = {}): ProcessRecord {
  return {
    process_id: 'p',
    incarnation: 'c0ffee',
    fingerprint: 'f',
    argv: ['true'],
    cwd: '/',
    tty: false,
    size: null,
    pipe_stdin: false,
    labels: {},
    pid: 4321,
    start_ticks: null,
    boot_id: null,
    cgroup: null,
    owner: 'replica-1',
    started_at: 1_700_000_000_000,
    retention_ms: 600_000,
    grace_ms: 5_000,
    ...members,
  };
}

export function output(seq: number, size = 1): OutputEvent {
  return { type: 'output', seq, stream: 'stdout', chunk: Buffer.alloc(size, seq) };
}

/** Output events of one byte each, from `first` to `last`. */
export function outputs(first: number, last: number): OutputEvent[] {
  return Array.from({ length: last - first + 1 }, (_, index) => output(first + index));
}

export function exitedEvent(seq: number): ExitedEvent {
  return { type: 'exited', seq, ...success };
}

export function closedEvent(seq: number): ClosedEvent {
  return { type: 'closed', seq, ...success, output_incomplete: false };
}

export function exitedState(exit_seq: number): Exited {
  return { state: 'exited', exit: success, exit_seq, exited_at: 1000 };
}

export function closedState(closed_seq: number, exit_seq = closed_seq - 1): Closed {
  const exited = exitedState(exit_seq);
  return { ...exited, state: 'closed', closed_seq, closed_at: 2000, output_incomplete: false };
}

export function failedState(exited: Exited | null = null): Failed {
  return {
    state: 'failed',
    message: 'the owner is gone',
    failure_reason: 'owner_lost',
    failed_at: 3000,
    exited,
  };
}

export interface Replica {
  readonly engine: MemoryEngine;
  readonly record: ProcessRecord;
  readonly hub: Hub;
  readonly draining: AbortController;
  /** Commits events and then publishes them, as a publisher does. */
  readonly append: (events: readonly LogEvent[], lifecycle?: Lifecycle) => Promise<void>;
  /** Publishes a state that adds no event. */
  readonly publishState: (lifecycle: Lifecycle) => void;
}

/** A hub over an engine in memory, with one process. */
export async function replicaOf(
  engine = new MemoryEngine(),
  options: Partial<HubOptions> = {},
): Promise<Replica> {
  const record = recordOf();
  await engine.create(record);
  const draining = new AbortController();
  const hub = new Hub({
    head: emptyHead,
    lifecycle: running,
    read: (query) => engine.read(record, query),
    ringBytesMax: 1024,
    draining: draining.signal,
    ...options,
  });
  return {
    engine,
    record,
    hub,
    draining,
    append: async (events, lifecycle = hub.lifecycle) => {
      const head: LogHead = await engine.append(record, events, lifecycle);
      hub.publish(events, head, lifecycle);
    },
    publishState: (lifecycle) => {
      hub.publish([], hub.head, lifecycle);
    },
  };
}

/** Lets every microtask run that is due, and those that follow from it. */
export function microtasks(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
