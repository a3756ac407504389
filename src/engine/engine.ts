import type { AppendedEvent, GapEvent, LogEvent } from '../log/event.ts';
import type { Lifecycle } from '../log/lifecycle.ts';

/** What an engine keeps of a process beside its log. Times are milliseconds since 1970. */
export interface ProcessRecord {
  readonly process_id: string;
  /** Unguessable and never used twice: names the log, and marks the children's environment. */
  readonly incarnation: string;
  /** Hash of the start request, by which a repeated start is known. */
  readonly fingerprint: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly tty: boolean;
  readonly size: { readonly rows: number; readonly cols: number } | null;
  readonly pipe_stdin: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly pid: number;
  /** With the pid, by which the child is known from others after a crash; null where unknown. */
  readonly start_ticks: number | null;
  readonly boot_id: string | null;
  readonly cgroup: string | null;
  readonly owner: string;
  readonly started_at: number;
  readonly retention_ms: number;
  readonly grace_ms: number;
}

/** The store has no room, and nothing that it may drop. */
export class StoreFullError extends Error {
  override readonly name = 'StoreFullError';
}

/** Names one process, also when another has its id later. */
export type ProcessKey = Pick<ProcessRecord, 'process_id' | 'incarnation'>;

/** What the service before this one may have left running. */
export interface Leftovers {
  /** Processes whose end nobody has seen; they are failed or closed now. */
  readonly orphaned: readonly ProcessRecord[];
  /** Starts of which nobody was told. */
  readonly starts: readonly ProcessKey[];
}

/** The extent of a log; an empty one has `last_seq` 0 and `first_retained_seq` 1. */
export interface LogHead {
  readonly last_seq: number;
  readonly first_retained_seq: number;
  /** The oldest seq of the replay, never below `first_retained_seq`. */
  readonly first_replay_seq: number;
  readonly retained_bytes: number;
  readonly evicted_bytes: number;
}

/** The head of a log that has no event yet. */
export const emptyHead: LogHead = {
  last_seq: 0,
  first_retained_seq: 1,
  first_replay_seq: 1,
  retained_bytes: 0,
  evicted_bytes: 0,
};

/** A process as the engine has it. */
export interface StoredProcess {
  readonly record: ProcessRecord;
  readonly lifecycle: Lifecycle;
  readonly head: LogHead;
}

/** `expired`: known once, removed less than the tombstone's time ago. */
export type Lookup = StoredProcess | 'expired' | 'unknown';

/** Which processes to list; labels are ANDed. */
export interface ListQuery {
  readonly state?: Lifecycle['state'];
  readonly labels: readonly (readonly [string, string])[];
  readonly limit: number;
  readonly cursor?: string;
}

/** A page of a list, newest first. */
export interface ListPage {
  readonly processes: readonly StoredProcess[];
  readonly next_cursor: string | null;
}

/** What to read: whole events after a cursor, at most `max_bytes` of output but at least one. */
export interface ReadQuery {
  readonly after_seq: number;
  readonly max_bytes: number;
}

/** Events in order, and the hole before them if the cursor's next event is not there (any more). */
export interface LogPage {
  readonly gap: GapEvent | null;
  readonly events: readonly LogEvent[];
}

/** Told of `bytes` of output that were evicted, and of the head from then on. */
export type EvictionListener = (record: ProcessKey, head: LogHead, bytes: number) => void;

/**
 * The store behind the logs. A log is appended to by one owner, in order; what an append
 * resolved with can be read from then on, and the events are the caller's again. Every method may reject when the store fails; an
 * append that rejected may be repeated with the same events.
 */
export interface Engine {
  /**
   * Records that a process is about to be started, so that it is found if the service dies then.
   * Rejects when its `process_id` is taken, and when the store takes nothing more.
   */
  reserve(reservation: ProcessKey): Promise<void>;

  /**
   * Takes a reservation back, and a record of it of which nobody was told: nothing was started, or
   * nothing of it is left.
   */
  release(reservation: ProcessKey): Promise<void>;

  /** Records a process that runs, in place of its reservation; may be repeated when it was refused. */
  create(record: ProcessRecord): Promise<void>;

  /** Looks a process up by its id. */
  find(processId: string): Promise<Lookup>;

  /** Processes in order of their start, newest first. Rejects an unreadable cursor. */
  list(query: ListQuery): Promise<ListPage>;

  /** Keeps the new size of a terminal. */
  resize(record: ProcessRecord, size: NonNullable<ProcessRecord['size']>): Promise<void>;

  /** Appends events whose seqs follow the head, and the state after them. */
  append(
    record: ProcessRecord,
    events: readonly AppendedEvent[],
    lifecycle: Lifecycle,
  ): Promise<LogHead>;

  /** Reads events after a cursor that is at most the head; an empty page at the head. */
  read(record: ProcessRecord, query: ReadQuery): Promise<LogPage>;

  /** Forgets a process: its id is `expired` from now on; the log stays until `dropLog`. */
  remove(processId: string): Promise<void>;

  /** Deletes the log of a removed process. */
  dropLog(record: ProcessRecord): Promise<void>;

  /** Processes that are over and were kept for their retention, oldest first, at most 1000. */
  findExpired(): Promise<readonly StoredProcess[]>;

  /** What an earlier service may have left running, until {@link settle} was told of it. */
  leftovers(): Promise<Leftovers>;

  /** Nothing of a leftover process is there any more, or nobody wants to know. */
  settle(record: ProcessKey): Promise<void>;

  /** Rejects while the store takes nothing. */
  probe(): Promise<void>;

  /**
   * Whom to tell when part of a log was evicted to make room for others.
   */
  onEvicted(listener: EvictionListener): void;

  /** Closes what is open. No method may be called afterwards. */
  close(): Promise<void>;
}
