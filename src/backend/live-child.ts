import type { ProcessRecord } from '../engine/engine.ts';
import { ProcessionError } from '../errors.ts';
import type { SignalParams, TerminalSize, WriteParams, WriteResult } from '../exec-types.ts';
import type { ExitReason } from '../log/event.ts';
import type { EndingRequest } from '../process/tree/ending.ts';
import { Ending } from '../process/tree/ending.ts';
import { OutputPump } from '../process/output.ts';
import { requireSignal } from './require-signal.ts';
import type { Child } from '../process/spawner.ts';
import type { StdinLimits } from '../process/stdin.ts';
import { StdinQueue } from '../process/stdin.ts';
import type { Publisher } from '../replica/publisher.ts';

/** A child that was just spawned, and what the start request said of its end. */
export interface LiveChildOptions {
  readonly child: Child;
  readonly record: ProcessRecord;
  readonly publisher: Publisher;
  readonly timeoutMs: number | null;
  readonly drainMs: number | null;
  readonly stdinLimits: StdinLimits;
}

/** How long the streams may stay open once everybody who could be found has ended. */
const forcedCloseMs = 5000;

/** How long the store has for the last events after that. */
const lastAppendMsMax = 1000;

/** Why a process is being ended by us. */
export type EndCause = Extract<ExitReason, 'timeout' | 'terminated' | 'server_shutdown'>;

/** A child of this service from its start to the close of its log: owns its pipes and timers. */
export class LiveChild {
  readonly #options: LiveChildOptions;
  readonly #stdin: StdinQueue;
  readonly #pump: OutputPump;
  readonly #ending: Ending;
  readonly #timeout: NodeJS.Timeout | undefined;
  readonly #abandoned = Promise.withResolvers<undefined>();
  readonly #givenUp = Promise.withResolvers<undefined>();
  #cause: EndCause | null = null;
  #isReaped = false;
  #size: TerminalSize | null;

  constructor(options: LiveChildOptions) {
    const { child, record, publisher, timeoutMs, stdinLimits } = options;
    this.#options = options;
    this.#size = record.size;
    this.#stdin = new StdinQueue(child.stdin, stdinLimits);
    this.#pump = new OutputPump(child.outputs, publisher);
    this.#ending = new Ending({
      pid: record.pid,
      incarnation: record.incarnation,
      exit: child.exit,
    });
    if (timeoutMs !== null) {
      // When this process was stopped, timers run before the exit of a child is seen.
      this.#timeout = setTimeout(() => setImmediate(this.#timeOut), timeoutMs);
    }
    void this.#follow();
  }

  get isReaped(): boolean {
    return this.#isReaped;
  }

  /** Resolves when `closed` is committed. */
  get closed(): Promise<void> {
    return this.#options.publisher.sealed;
  }

  get stdin(): 'open' | 'closed' {
    return this.#stdin.isOpen ? 'open' : 'closed';
  }

  /** The size of the terminal now; null without one. */
  get size(): TerminalSize | null {
    return this.#size;
  }

  /** See `ExecProcess.write`. */
  write(params: WriteParams): Promise<WriteResult> {
    return this.#stdin.write(params);
  }

  /** See `ExecProcess.signal`. */
  signal({ signal, scope = 'group' }: SignalParams): void {
    const number = requireSignal(signal);
    const { pid, process_id } = this.#options.record;
    if (this.#isReaped || !kill(scope === 'group' ? -pid : pid, number)) {
      throw exited(process_id);
    }
  }

  /** Sets the size of the terminal, and tells the process. Rejects as `ExecProcess.resize`. */
  resize(size: TerminalSize): void {
    const { terminal } = this.#options.child;
    const { process_id } = this.#options.record;
    if (this.#isReaped || terminal?.resize(size) === false) throw exited(process_id);
    if (terminal === null) {
      throw new ProcessionError('not_a_terminal', `process ${process_id} runs on no terminal`);
    }
    this.#size = size;
  }

  /** Kills its cgroup and its group now. */
  kill(): void {
    this.#ending.killNow();
  }

  /**
   * Ends the whole tree, see {@link Ending}. The first cause becomes the exit reason, unless
   * the process had exited by itself.
   */
  end(cause: EndCause, how: EndingRequest): Promise<readonly number[]> {
    this.#cause ??= cause;
    return this.#ending.request(how);
  }

  /**
   * Ends the whole tree, and closes the log even if somebody keeps its streams open. False when
   * the log is not closed even so, since the store does not take its last events.
   */
  async endAndClose(cause: EndCause, how: EndingRequest): Promise<boolean> {
    await this.end(cause, how);
    const timers = [
      setTimeout(this.#abandon, forcedCloseMs),
      setTimeout(this.#giveUp, forcedCloseMs + lastAppendMsMax),
    ];
    const isClosed = await Promise.race([
      this.closed.then(() => true),
      this.#givenUp.promise.then(() => false),
    ]);
    timers.forEach(clearTimeout);
    return isClosed;
  }

  readonly #timeOut = (): void => {
    const { grace_ms: graceMs } = this.#options.record;
    if (!this.#isReaped) void this.end('timeout', { signal: 'SIGTERM', graceMs });
  };

  /** Lets the log close without the rest of the output. */
  readonly #abandon = (): void => {
    this.#abandoned.resolve(undefined);
  };

  readonly #giveUp = (): void => {
    this.#givenUp.resolve(undefined);
  };

  async #follow(): Promise<void> {
    const { child, publisher } = this.#options;
    const { exit_code, signal } = await child.exit;
    this.#isReaped = true;
    clearTimeout(this.#timeout);
    this.#stdin.close();
    const ownReason = signal === null ? 'exited' : 'signaled';
    const exit_reason: ExitReason = this.#cause ?? ownReason;
    const status = { exit_code, signal, exit_reason };
    await this.#pump.settle();
    if (this.#pump.hasEnded) {
      publisher.ended(status);
      return;
    }
    publisher.exited(status);
    publisher.closed(status, await this.#drain());
  }

  /** Waits for the end of the output; true when it gave up on some. */
  async #drain(): Promise<boolean> {
    const { drainMs } = this.#options;
    const timer = drainMs === null ? undefined : setTimeout(this.#abandon, drainMs);
    const isIncomplete = await Promise.race([
      this.#pump.ended.then(() => false),
      this.#abandoned.promise.then(() => true),
    ]);
    clearTimeout(timer);
    if (isIncomplete) this.#pump.abandon();
    return isIncomplete;
  }
}

function exited(process_id: string): ProcessionError {
  return new ProcessionError('process_exited', `process ${process_id} has exited`);
}

function kill(pid: number, signal: number): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
