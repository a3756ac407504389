import type {
  ListParams,
  OutputPage,
  ProcessPage,
  ProcessSnapshot,
  ReadParams,
  SignalParams,
  StartParams,
  TerminalSize,
  TerminateParams,
  TerminateResult,
  WriteParams,
  WriteResult,
} from './exec-types.ts';
import type { ClosedEvent, FailedEvent, StreamEvent } from './log/event.ts';

/** `replayed`: the same request had started this process before. */
export interface StartResult {
  readonly process: ExecProcess;
  readonly replayed: boolean;
}

/**
 * Where an event stream starts. `replay`: from the recent part of the log, and lagged behind
 * it. `retained`: from all that is kept; a hole is a gap event and nothing is ever lagged.
 * A null cursor means the oldest of what `from` names.
 */
export interface SubscribeParams {
  readonly after_seq: number | null;
  readonly from: 'replay' | 'retained';
}

/** Events of one process from a cursor on, in order, each once. */
export interface EventStream {
  /**
   * The next events: at least one, or none when `waitMs` passed in silence. Null after
   * `closed`, `failed`, `lagged` or `draining` was given, or after {@link close}. The array
   * is shared with other readers, and its chunks are valid until the next call. One call at a
   * time.
   */
  next(waitMs: number): Promise<readonly StreamEvent[] | null>;
  /** Ends the stream; a call under way resolves with null. */
  close(): void;
}

/**
 * How a subscription begins. `ended`: the process is over and the cursor is at its end.
 * `lagged`: what follows the cursor is no longer in the replay.
 */
export type Subscription =
  | { readonly kind: 'stream'; readonly stream: EventStream }
  | { readonly kind: 'ended' }
  | { readonly kind: 'lagged'; readonly after_seq: number };

/** The newest seq; one past the log when the process failed. */
export interface Wake {
  readonly seq: number;
  readonly next_seq: number;
  readonly closed: boolean;
  readonly failed: boolean;
}

/** The head of one log as a latest value: a slow reader sees the newest only. */
export interface WakeStream {
  /**
   * The head when it is past the last one given; `idle` at `waitMs`; `draining` when the
   * service shuts down; null after that, after `closed` or `failed`, or after {@link close}.
   */
  next(waitMs: number): Promise<Wake | 'idle' | 'draining' | null>;
  /** Ends the stream; a call under way resolves with null. */
  close(): void;
}

/** As {@link Subscription}, for the head. */
export type WakeSubscription =
  { readonly kind: 'stream'; readonly stream: WakeStream } | { readonly kind: 'ended' };

/** One process, running or over. A handle may outlive the process it names. */
export interface ExecProcess {
  readonly process_id: string;

  /** What is known now. May reject with `process_expired` once it was removed. */
  snapshot(): Promise<ProcessSnapshot>;

  /**
   * A page of retained output. Resolves at once when there is any event after the cursor or
   * the process is over; else at the first event, the deadline, or when `signal` aborts.
   * Rejects with `cursor_ahead`.
   */
  read(params: ReadParams, signal?: AbortSignal): Promise<OutputPage>;

  /**
   * Writes to the standard input. Accepted bytes are in the kernel or in the bounded queue;
   * writes are taken one after the other. Rejects with `stdin_closed`, `stdin_full` or
   * `write_id_conflict`; `stdin_full` says how many bytes were accepted.
   */
  write(params: WriteParams): Promise<WriteResult>;

  /** Sends one signal. Rejects with `process_exited` once the leader is gone. */
  signal(params: SignalParams): Promise<ProcessSnapshot>;

  /**
   * Sets the size of the terminal and tells the process by SIGWINCH. Rejects with
   * `not_a_terminal`, or `process_exited` once the leader is gone.
   */
  resize(size: TerminalSize): Promise<ProcessSnapshot>;

  /** Ends the process and all it started; may be repeated, also after the exit. */
  terminate(params: TerminateParams, signal?: AbortSignal): Promise<TerminateResult>;

  /** Follows the log. Rejects with `cursor_ahead`. */
  subscribeEvents(params: SubscribeParams): Promise<Subscription>;

  /** Follows the head. Rejects with `cursor_ahead`. */
  subscribeWake(params: { readonly after_seq: number | null }): Promise<WakeSubscription>;
}

/** Starts processes and finds them again. */
export interface ExecBackend {
  /**
   * Starts a process; resolves when it runs. The same request with the same `process_id`
   * finds the process it started. Rejects when nothing could be started.
   */
  start(params: StartParams): Promise<StartResult>;

  /** Rejects with `process_not_found`, or `process_expired` for an hour after removal. */
  get(processId: string): Promise<ExecProcess>;

  /** A page of processes, newest first. */
  list(params: ListParams): Promise<ProcessPage>;

  /**
   * Forgets a process that is over, else rejects with `process_running`. With `force` its
   * whole tree is killed first. Open streams get what was left.
   */
  remove(processId: string, params?: { readonly force?: boolean }): Promise<void>;
}

/** Whether an event ends its stream for good, so that nothing is left to resume. */
export function isTerminal(event: StreamEvent): event is ClosedEvent | FailedEvent {
  return event.type === 'closed' || event.type === 'failed';
}
