import type { ExitStatus, FailureReason } from './event.ts';

/** The process runs; its exit is unknown. */
export interface Running {
  readonly state: 'running';
}

/** The process was reaped and a stream is still open. */
export interface Exited {
  readonly state: 'exited';
  readonly exit: ExitStatus;
  readonly exit_seq: number;
  readonly exited_at: number;
}

/** The log is complete. Times are milliseconds since 1970. */
export interface Closed {
  readonly state: 'closed';
  readonly exit: ExitStatus;
  readonly exit_seq: number;
  readonly exited_at: number;
  readonly closed_seq: number;
  readonly closed_at: number;
  readonly output_incomplete: boolean;
}

/** The process can no longer be followed; a known exit is kept. */
export interface Failed {
  readonly state: 'failed';
  readonly message: string;
  readonly failure_reason: FailureReason;
  readonly failed_at: number;
  readonly exited: Exited | null;
}

/** Where a process is in its life; each state carries what is known in it and not before. */
export type Lifecycle = Running | Exited | Closed | Failed;

/** What moves a process on. */
export type LifecycleEvent =
  | {
      readonly type: 'exited';
      readonly exit: ExitStatus;
      readonly seq: number;
      readonly at: number;
    }
  | {
      readonly type: 'closed';
      readonly seq: number;
      readonly at: number;
      readonly output_incomplete: boolean;
    }
  | {
      readonly type: 'failed';
      readonly message: string;
      readonly failure_reason: FailureReason;
      readonly at: number;
    };

type Row<From extends Lifecycle> = {
  [Event in LifecycleEvent as Event['type']]: (from: From, event: Event) => Lifecycle | null;
};

type Table = { [From in Lifecycle as From['state']]: Row<From> };

const never = (): null => null;

/** Every state against every event; null marks what cannot happen. */
const table: Table = {
  running: {
    exited: (_, { exit, seq, at }) => ({
      state: 'exited',
      exit,
      exit_seq: seq,
      exited_at: at,
    }),
    closed: never,
    failed: (_, { message, failure_reason, at }) => ({
      state: 'failed',
      message,
      failure_reason,
      failed_at: at,
      exited: null,
    }),
  },
  exited: {
    exited: never,
    closed: (from, { seq, at, output_incomplete }) => ({
      ...from,
      state: 'closed',
      closed_seq: seq,
      closed_at: at,
      output_incomplete,
    }),
    failed: (from, { message, failure_reason, at }) => ({
      state: 'failed',
      message,
      failure_reason,
      failed_at: at,
      exited: from,
    }),
  },
  closed: { exited: never, closed: never, failed: never },
  failed: { exited: never, closed: never, failed: never },
};

/** The first state of every process. */
export const running: Running = { state: 'running' };

/** The state after `event`. Throws on a step that cannot happen: a state never moves back. */
export function advance(from: Lifecycle, event: LifecycleEvent): Lifecycle {
  const to = step(from, event);
  if (to === null) throw new Error(`a process that is ${from.state} cannot be ${event.type}`);
  return to;
}

/** The exit, once it is known. */
export function exitOf(lifecycle: Lifecycle): ExitStatus | null {
  return exitedPart(lifecycle)?.exit ?? null;
}

/** What is known of the exit in any state: its status, seq and time. */
export function exitedPart(lifecycle: Lifecycle): Omit<Exited, 'state'> | null {
  if (lifecycle.state === 'running') return null;
  return lifecycle.state === 'failed' ? lifecycle.exited : lifecycle;
}

/** When the process was over, in milliseconds since 1970; null before. */
export function endedAt(lifecycle: Lifecycle): number | null {
  if (lifecycle.state === 'closed') return lifecycle.closed_at;
  return lifecycle.state === 'failed' ? lifecycle.failed_at : null;
}

/** Whether nothing more can be added to the log. */
export function isOver(lifecycle: Lifecycle): lifecycle is Closed | Failed {
  return lifecycle.state === 'closed' || lifecycle.state === 'failed';
}

function step(from: Lifecycle, event: LifecycleEvent): Lifecycle | null {
  switch (from.state) {
    case 'running':
      return apply(table.running, from, event);
    case 'exited':
      return apply(table.exited, from, event);
    case 'closed':
      return apply(table.closed, from, event);
    case 'failed':
      return apply(table.failed, from, event);
  }
}

function apply<From extends Lifecycle>(
  row: Row<From>,
  from: From,
  event: LifecycleEvent,
): Lifecycle | null {
  switch (event.type) {
    case 'exited':
      return row.exited(from, event);
    case 'closed':
      return row.closed(from, event);
    case 'failed':
      return row.failed(from, event);
  }
}
