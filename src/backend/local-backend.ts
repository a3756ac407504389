import type { Engine } from '../engine/engine.ts';
import { ProcessionError } from '../errors.ts';
import type { ExecBackend, StartResult } from '../exec-backend.ts';
import type { ListParams, ProcessPage, StartParams } from '../exec-types.ts';
import { isOver } from '../log/lifecycle.ts';
import type { WrappedSpawning } from '../process/wrapping/spawn-wrapped.ts';
import type { StdinLimits } from '../process/stdin.ts';
import { expired } from './identity.ts';
import type { LaunchDefaults } from './launch.ts';
import type { LiveChild } from './live-child.ts';
import type { LocalProcess } from './local-process.ts';
import type { Observer } from './observer.ts';
import { OpenStreams } from './open-streams.ts';
import type { OrphansPolicy } from './orphans.ts';
import { Orphans } from './orphans.ts';
import type { BackendLog } from './backend-log.ts';
import type { StoreErrorPolicy } from './process-table.ts';
import { ProcessTable } from './process-table.ts';
import { Retention } from './retention.ts';
import { snapshotOf } from './snapshot.ts';
import { Starts } from './starts.ts';
import { StoreHealth } from './store-health.ts';

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
  readonly onStoreError: StoreErrorPolicy;
}

/** Runs processes on this host and keeps their logs in an engine. */
export class LocalBackend implements ExecBackend {
  readonly #options: LocalBackendOptions;
  readonly #table: ProcessTable;
  readonly #retention: Retention;
  readonly #orphans: Orphans;
  readonly #storeHealth: StoreHealth;
  readonly #starts: Starts;
  readonly #draining = new AbortController();

  constructor(options: LocalBackendOptions) {
    const streams = new OpenStreams(options.observer);
    this.#options = options;
    this.#storeHealth = new StoreHealth(options.engine, options.log);
    this.#orphans = new Orphans(options);
    this.#table = new ProcessTable({
      ...options,
      streams,
      draining: this.#draining.signal,
      storeHealth: this.#storeHealth,
    });
    options.engine.onEvicted(this.#table.evicted);
    this.#starts = new Starts({
      ...options,
      table: this.#table,
      storeHealth: this.#storeHealth,
      draining: this.#draining.signal,
    });
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

  /** Whether the store does not take what is written, so that starts are refused. */
  get isDegraded(): boolean {
    return this.#storeHealth.isDegraded;
  }

  /** How many processes run or are being started. */
  get runningCount(): number {
    return this.#starts.runningCount;
  }

  /** Deals with the children of a service that died before, see {@link Orphans}. */
  beginWithOrphans(policy: OrphansPolicy): Promise<void> {
    return this.#orphans.begin(policy);
  }

  start(params: StartParams): Promise<StartResult> {
    return this.#starts.start(params);
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
    await this.#starts.settled(processId);
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
    // What a failed one has left is ended, as the tree of one that runs.
    if (force && hub.lifecycle.state === 'failed') await process.terminate(killed);
    if (!isOver(hub.lifecycle)) {
      if (!force) throw new ProcessionError('process_running', `${processId} is not over yet`);
      if (live === null) await process.terminate(killed);
      else await killAndClose(live);
    }
    try {
      await this.#retention.forget(record);
    } catch (cause) {
      throw new ProcessionError('store_unavailable', 'the store did not take it', { cause });
    }
  }

  /**
   * Refuses new starts, ends streams and long-polls, then ends every process with
   * `exit_reason` `server_shutdown`. Resolves when all logs are closed.
   */
  async drain({ graceMs }: { readonly graceMs: number }): Promise<void> {
    this.#draining.abort();
    for (const { hub } of this.#table.live) hub.nudge();
    await this.#starts.settled();
    const ending = this.#table.live.map(async ({ process_id, live }) => {
      const isClosed = await live?.endAndClose('server_shutdown', { signal: 'SIGTERM', graceMs });
      if (isClosed === false) this.#options.log.error({ process_id }, 'log not closed at the stop');
    });
    await Promise.all([...ending, this.#orphans.close(graceMs)]);
  }

  /** Kills all at once and waits for nothing; the logs stay open. */
  killAll(): void {
    for (const { live } of this.#table.live) live?.kill();
    this.#orphans.killNow();
  }

  /** Stops removing expired processes and closes the engine. */
  async close(): Promise<void> {
    this.#retention.close();
    this.#storeHealth.close();
    await this.#options.engine.close();
  }
}

const killed = { signal: 'SIGKILL', grace_ms: 0 } as const;

async function killAndClose(live: LiveChild): Promise<void> {
  if (await live.endAndClose('terminated', { signal: 'SIGKILL', graceMs: 0 })) return;
  throw new ProcessionError('store_unavailable', 'it was killed, and its last events wait');
}
