import type { Readable, Writable } from 'node:stream';
import type { TerminalSize } from '../exec-types.ts';
import type { StreamName } from '../log/event.ts';

/** What to start, decided to the last byte: no shell, and a spawner adds and expands nothing. */
export interface SpawnRequest {
  /** The first is looked up in the child's own `PATH`. */
  readonly argv: readonly string[];
  /** What the child sees as `argv[0]`; undefined: what `argv` says. */
  readonly arg0: string | undefined;
  /** Absolute. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** False: the standard input is at end of file from the start. A terminal has an input anyway. */
  readonly pipeStdin: boolean;
  /** The terminal to run on; null: pipes. */
  readonly terminal: TerminalSize | null;
}

/** How a child ended: `exit_code` is null after a signal, `signal` after an exit. */
export interface WaitStatus {
  readonly exit_code: number | null;
  readonly signal: string | null;
}

/** The standard input of a child. */
export interface ChildStdin {
  readonly stream: Writable;
  /** Whether somebody could still read what is written now. */
  hasReader(): boolean;
  /** The bytes by which a terminal ends an input; null: the stream is to be ended. */
  endOfFile(): Buffer | null;
}

/** The terminal that a child runs on. */
export interface ChildTerminal {
  /** Sets the size and tells the child, if the terminal is still there; whether it is. */
  resize(size: TerminalSize): boolean;
}

/**
 * A running child, leader of its own session and process group.
 *
 * Reading: the outputs stand still until somebody reads, by a `data` listener or by
 * `for await`, so nothing is lost however late that begins, also after the exit.
 *
 * Errors: each stream has a listener already, so an `error` nobody waits for is no crash.
 */
export interface Child {
  readonly pid: number;
  /** Null when it was not asked for. */
  readonly stdin: ChildStdin | null;
  /** `stdout` and `stderr`, or the `pty` of a terminal. */
  readonly outputs: ReadonlyMap<StreamName, Readable>;
  readonly terminal: ChildTerminal | null;
  /** Resolves when the child was reaped, whoever still holds its pipes; never rejects. */
  readonly exit: Promise<WaitStatus>;
}

/** Starts children; the seam between the service and the operating system. */
export interface Spawner {
  /**
   * Resolves when the program runs. Else nothing was started and it rejects with a
   * ProcessionError: 422 when the request is to blame, `resources_exhausted` when the host is,
   * `unsupported` when this spawner has no such thing.
   */
  spawn(request: SpawnRequest): Promise<Child>;
}
