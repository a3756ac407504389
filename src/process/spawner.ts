import type { Readable, Writable } from 'node:stream';

/** What to start, decided to the last byte: no shell, and a spawner adds and expands nothing. */
export interface SpawnRequest {
  /** The first is looked up in the child's own `PATH`. */
  readonly argv: readonly string[];
  /** What the child sees as `argv[0]`; undefined: what `argv` says. */
  readonly arg0: string | undefined;
  /** Absolute. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** False: the standard input is at end of file from the start. */
  readonly pipeStdin: boolean;
}

/** How a child ended: `exit_code` is null after a signal, `signal` after an exit. */
export interface WaitStatus {
  readonly exit_code: number | null;
  readonly signal: string | null;
}

/**
 * A running child, leader of its own session and process group.
 *
 * Reading: `stdout` and `stderr` stand still until somebody reads, by a `data` listener or by
 * `for await`, so nothing is lost however late that begins, also after the exit.
 *
 * Errors: each stream has a listener already, so an `error` nobody waits for is no crash.
 */
export interface Child {
  readonly pid: number;
  /** Null when it was not asked for. */
  readonly stdin: Writable | null;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves when the child was reaped, whoever still holds its pipes; never rejects. */
  readonly exit: Promise<WaitStatus>;
}

/** Starts children; the seam between the service and the operating system. */
export interface Spawner {
  /**
   * Resolves when the program runs. Else nothing was started and it rejects with a
   * ProcessionError: 422 when the request is to blame, `resources_exhausted` when the host is.
   */
  spawn(request: SpawnRequest): Promise<Child>;
}
