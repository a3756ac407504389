import type { ExitReason, FailureReason, GapEvent, OutputEvent } from './log/event.ts';

/** Which of the service's own variables a child inherits; globs ignore case. */
export interface EnvPolicy {
  readonly inherit?: 'core' | 'all' | 'none';
  readonly exclude?: readonly string[];
  readonly include_only?: readonly string[];
}

/** The size of a terminal in characters, each 1 to 65535. */
export interface TerminalSize {
  readonly rows: number;
  readonly cols: number;
}

/** The most that one process may use, each at least 1; see setrlimit(2). */
export interface ProcessLimits {
  readonly memory_bytes?: number;
  readonly cpu_seconds?: number;
  readonly open_files?: number;
  readonly processes?: number;
  readonly file_bytes?: number;
}

/** Who a process runs as, with no other groups. */
export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
}

/** What to start. Members and defaults are those of the wire, see docs/protocol.md. */
export interface StartParams {
  readonly argv: readonly string[];
  readonly process_id?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | null>>;
  readonly env_policy?: EnvPolicy;
  readonly arg0?: string;
  readonly tty?: boolean;
  readonly size?: TerminalSize;
  readonly pipe_stdin?: boolean;
  readonly timeout_ms?: number | null;
  readonly grace_ms?: number;
  readonly drain_ms?: number | null;
  readonly retention_ms?: number;
  readonly limits?: ProcessLimits;
  readonly user?: ProcessUser;
  readonly nice?: number;
  readonly umask?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** What is known of a process now. Times are RFC 3339 in UTC with milliseconds. */
export interface ProcessSnapshot {
  readonly process_id: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly tty: boolean;
  readonly size: TerminalSize | null;
  readonly pipe_stdin: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly pid: number;
  readonly state: 'running' | 'exited' | 'closed' | 'failed';
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly exit_reason: ExitReason | null;
  readonly failure: string | null;
  readonly failure_reason: FailureReason | null;
  readonly started_at: string;
  readonly exited_at: string | null;
  readonly closed_at: string | null;
  readonly expires_at: string | null;
  readonly first_retained_seq: number;
  readonly next_seq: number;
  readonly retained_bytes: number;
  readonly evicted_bytes: number;
  readonly stdin: 'open' | 'closed';
  readonly owner: string;
  readonly output_incomplete: boolean;
}

/** Which processes to list, newest first; `labels` are `[key, value]`, all must match. */
export interface ListParams {
  readonly state?: ProcessSnapshot['state'];
  readonly labels?: readonly (readonly [string, string])[];
  readonly limit?: number;
  readonly cursor?: string;
}

/** A page of processes; `next_cursor` is null on the last one. */
export interface ProcessPage {
  readonly processes: readonly ProcessSnapshot[];
  readonly next_cursor: string | null;
}

/** A page of output to read; `wait_ms` waits for the first event after the cursor. */
export interface ReadParams {
  readonly after_seq?: number;
  readonly max_bytes?: number;
  readonly wait_ms?: number;
}

/** Output after a cursor, and the state of the process now. */
export interface OutputPage {
  readonly chunks: readonly Omit<OutputEvent, 'type'>[];
  /** The first seq that this page does not cover: `next_seq - 1` is the next cursor. */
  readonly next_seq: number;
  /** The newest seq, 0 for an empty log. */
  readonly head_seq: number;
  readonly first_retained_seq: number;
  readonly gap: Omit<GapEvent, 'type'> | null;
  readonly exited: boolean;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly exit_reason: ExitReason | null;
  readonly exit_seq: number | null;
  readonly closed: boolean;
  readonly closed_seq: number | null;
  readonly output_incomplete: boolean;
  readonly failure: string | null;
  readonly failure_reason: FailureReason | null;
}

/** Bytes for the standard input; an iterable is taken as fast as the child reads. */
export interface WriteParams {
  readonly chunk: Uint8Array | AsyncIterable<Uint8Array>;
  /** Makes the write repeatable: the same id and bytes are written once. */
  readonly write_id?: string;
  readonly eof?: boolean;
}

/** `stdin_bytes` is the total that this process has accepted. */
export interface WriteResult {
  readonly status: 'accepted';
  readonly accepted_bytes: number;
  readonly stdin_bytes: number;
}

/** `group`: the whole process group, `process`: its leader alone. */
export interface SignalParams {
  readonly signal: string;
  readonly scope?: 'group' | 'process';
}

/** How to end a process: `signal`, then after `grace_ms` SIGKILL. `wait_ms` waits for `closed`. */
export interface TerminateParams {
  readonly signal?: string;
  readonly grace_ms?: number;
  readonly wait_ms?: number;
}

/** `running`: it had not exited yet. `survivors`: pids that even SIGKILL has not ended. */
export interface TerminateResult extends ProcessSnapshot {
  readonly running: boolean;
  readonly survivors: readonly number[];
}
