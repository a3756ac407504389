import type { Engine } from '../engine/engine.ts';
import { ProcessionError } from '../errors.ts';
import type { ExecBackend, StartResult } from '../exec-backend.ts';
import type { ListParams, ProcessPage, StartParams } from '../exec-types.ts';
import { isOver } from '../log/lifecycle.ts';
import type { WrappedSpawning } from '../process/spawn-wrapped.ts';
import type { StdinLimits } from '../process/stdin.ts';
import { expired, fingerprintOf, newProcessId, requireSame } from './identity.ts';
import type { LaunchDefaults } from './launch.ts';
import { launch } from './launch.ts';
import type { LocalProcess } from './local-process.ts';
import type { Observer } from './observer.ts';
import { OpenStreams } from './open-streams.ts';
import type { BackendLog } from './process-table.ts';
import { ProcessTable } from './process-table.ts';
import { Retention } from './retention.ts';
import { snapshotOf } from './snapshot.ts';

/** What a backend on this host is made of. */
export interface LocalBackendOptions extends WrappedSpawning {
  readonly engine: Engine;
  readonly observer: Observer;
  readonly log: BackendLog;
  readonly now: () => number;
  readonly defaults: LaunchDefaults;
  readonly stdinLimits: StdinLimits;
  /** Most processes that run at once. */
  readonly processesMax: number;
  /** Bytes of recent output in memory per followed process, and most that one reader buffers. */
  readonly readerQueueBytesMax: number;
}

interface Starting {
  readonly fingerprint: string;
  readonly result: Promise<StartResult>;
}

/** Runs processes on this host and keeps their logs in an engine. */
export class LocalBackend implements ExecBackend {
  readonly #options: LocalBackendOptions;
  readonly #table: ProcessTable;
  readonly #retention: Retention;
  readonly #starting = new Map<string, Starting>();
  readonly #draining = new AbortController();
  #launchingCount = 0;

  constructor(options: LocalBackendOptions) {
    const streams = new OpenStreams(options.observer);
    this.#options = options;
    this.#table = new ProcessTable({ ...options, streams, draining: this.#draining.signal });
    this.#retention = new Retention({
      ...options,
      streams,
      onForget: (processId) => {
        this.#table.forget(processId);
      },
    });
  }

  /** Whether the service shuts down: nothing is started any more. */
  get isDraining(): boolean {
    return this.#draining.signal.aborted;
  }

  /** How many processes run or are being started. */
  get runningCount(): number {
    return this.#launchingCount + this.#table.runningCount;
  }

  async start(params: StartParams): Promise<StartResult> {
    const process_id = params.process_id ?? newProcessId(this.#options.now());
    const fingerprint = fingerprintOf(params);
    const underway = this.#starting.get(process_id);
    if (underway !== undefined) {
      requireSame(process_id, underway.fingerprint, fingerprint);
      return { ...(await underway.result), replayed: true };
    }
    const result = this.#findOrLaunch(params, process_id, fingerprint);
    this.#starting.set(process_id, { fingerprint, result });
    try {
      return await result;
    } finally {
      this.#starting.delete(process_id);
    }
  }

  async get(processId: string): Promise<LocalProcess> {
    const live = this.#table.find(processId);
    if (live !== undefined) return live;
    const found = await this.#options.engine.find(processId);
    if (found === 'expired') throw expired(processId);
    if (found === 'unknown') {
      throw new ProcessionError('process_not_found', `there is no process ${processId}`);
    }
    // A process is recorded some moments before its start has adopted it.
    await Promise.allSettled([this.#starting.get(processId)?.result]);
    return this.#table.handle(found);
  }

  async list({ labels = [], limit = 100, ...rest }: ListParams): Promise<ProcessPage> {
    const page = await this.#options.engine.list({ labels, limit, ...rest });
    const processes = page.processes.map((stored) => {
      const live = this.#table.find(stored.record.process_id);
      return live?.snapshotNow() ?? snapshotOf(stored, 'closed');
    });
    return { processes, next_cursor: page.next_cursor };
  }

  async remove(processId: string, { force = false } = {}): Promise<void> {
    const process = await this.get(processId);
    const { live, record, hub } = process;
    if (!isOver(hub.lifecycle)) {
      if (!force) throw new ProcessionError('process_running', `${processId} is not over yet`);
      if (live === null) await process.terminate({ signal: 'SIGKILL', grace_ms: 0 });
      else await live.endAndClose('terminated', { signal: 'SIGKILL', graceMs: 0 });
    }
    await this.#retention.forget(record);
  }

  /**
   * Refuses new starts, ends streams and long-polls, then ends every process with
   * `exit_reason` `server_shutdown`. Resolves when all logs are closed.
   */
  async drain({ graceMs }: { readonly graceMs: number }): Promise<void> {
    this.#draining.abort();
    for (const { hub } of this.#table.live) hub.nudge();
    await Promise.allSettled([...this.#starting.values()].map(({ result }) => result));
    const ending = this.#table.live.map(async ({ live }) => {
      await live?.endAndClose('server_shutdown', { signal: 'SIGTERM', graceMs });
    });
    await Promise.all(ending);
  }

  /** Kills all at once and waits for nothing; the logs stay open. */
  killAll(): void {
    for (const { live } of this.#table.live) live?.kill();
  }

  /** Stops removing expired processes and closes the engine. */
  async close(): Promise<void> {
    this.#retention.close();
    await this.#options.engine.close();
  }

  async #findOrLaunch(
    params: StartParams,
    process_id: string,
    fingerprint: string,
  ): Promise<StartResult> {
    // An id that was generated just now is nobody's.
    if (params.process_id !== undefined) {
      const known = await this.#findSame(process_id, fingerprint);
      if (known !== null) return { process: known, replayed: true };
    }
    this.#requireRoom();
    const process = await this.#launch(params, process_id, fingerprint);
    return { process, replayed: false };
  }

  async #findSame(process_id: string, fingerprint: string): Promise<LocalProcess | null> {
    const found = await this.#options.engine.find(process_id);
    if (found === 'expired') throw expired(process_id);
    if (found === 'unknown') return null;
    requireSame(process_id, found.record.fingerprint, fingerprint);
    return this.#table.handle(found);
  }

  async #launch(
    params: StartParams,
    process_id: string,
    fingerprint: string,
  ): Promise<LocalProcess> {
    const { observer, now } = this.#options;
    const startedAt = performance.now();
    this.#launchingCount += 1;
    const identity = { process_id, fingerprint, started_at: now() };
    try {
      const { child, record } = await launch({ ...this.#options, params, identity });
      observer.started(performance.now() - startedAt);
      return this.#table.adopt(child, record, params);
    } catch (error) {
      observer.startFailed(error instanceof ProcessionError ? error.code : 'internal_error');
      throw error;
    } finally {
      this.#launchingCount -= 1;
    }
  }

  #requireRoom(): void {
    if (this.isDraining) {
      throw new ProcessionError('draining', 'the service shuts down and starts nothing');
    }
    const { processesMax } = this.#options;
    if (this.runningCount < processesMax) return;
    const detail = `${processesMax} processes are running, which is the most`;
    throw new ProcessionError('processes_max_reached', detail);
  }
}
