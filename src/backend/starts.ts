import type { Engine } from '../engine/engine.ts';
import { ProcessionError } from '../errors.ts';
import type { StartResult } from '../exec-backend.ts';
import type { StartParams } from '../exec-types.ts';
import type { WrappedSpawning } from '../process/wrapping/spawn-wrapped.ts';
import { expired, fingerprintOf, newProcessId, requireSame } from './identity.ts';
import type { LaunchDefaults } from './launch.ts';
import { launch } from './launch.ts';
import type { LocalProcess } from './local-process.ts';
import type { Observer } from './observer.ts';
import type { ProcessTable } from './process-table.ts';
import type { StoreHealth } from './store-health.ts';

/** What starts are made with, and what stands in their way. */
export interface StartsOptions extends WrappedSpawning {
  readonly engine: Engine;
  readonly observer: Observer;
  readonly now: () => number;
  readonly defaults: LaunchDefaults;
  readonly table: ProcessTable;
  readonly storeHealth: StoreHealth;
  /** Most processes that run at once. */
  readonly processesMax: number;
  /** Aborts when the service shuts down: nothing is started any more. */
  readonly draining: AbortSignal;
}

interface Starting {
  readonly fingerprint: string;
  readonly result: Promise<StartResult>;
}

/** The starts under way: of those that race with one id, one is made and all get its process. */
export class Starts {
  readonly #options: StartsOptions;
  readonly #underway = new Map<string, Starting>();
  #launchingCount = 0;

  constructor(options: StartsOptions) {
    this.#options = options;
  }

  /** How many processes run or are being started. */
  get runningCount(): number {
    return this.#launchingCount + this.#options.table.runningCount;
  }

  /** See `ExecBackend.start`. */
  async start(params: StartParams): Promise<StartResult> {
    const process_id = params.process_id ?? newProcessId(this.#options.now());
    const fingerprint = fingerprintOf(params);
    const underway = this.#underway.get(process_id);
    if (underway !== undefined) {
      requireSame(process_id, underway.fingerprint, fingerprint);
      return { ...(await underway.result), replayed: true };
    }
    const result = this.#findOrLaunch(params, process_id, fingerprint);
    this.#underway.set(process_id, { fingerprint, result });
    try {
      return await result;
    } finally {
      this.#underway.delete(process_id);
    }
  }

  /** Resolves when the start of this process is over, or of all. */
  async settled(processId?: string): Promise<void> {
    const starting = [...this.#underway].filter(
      ([id]) => processId === undefined || id === processId,
    );
    await Promise.allSettled(starting.map(([, { result }]) => result));
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
    const { engine, table } = this.#options;
    const found = await engine.find(process_id);
    if (found === 'expired') throw expired(process_id);
    if (found === 'unknown') return null;
    requireSame(process_id, found.record.fingerprint, fingerprint);
    return table.handle(found);
  }

  async #launch(
    params: StartParams,
    process_id: string,
    fingerprint: string,
  ): Promise<LocalProcess> {
    const { observer, now, table, storeHealth } = this.#options;
    const startedAt = performance.now();
    this.#launchingCount += 1;
    const identity = { process_id, fingerprint, started_at: now() };
    const onStoreRefused = (error: unknown): void => {
      storeHealth.refusedStart(error);
    };
    try {
      const { child, record } = await launch({
        ...this.#options,
        params,
        identity,
        onStoreRefused,
      });
      observer.started(performance.now() - startedAt);
      return table.adopt(child, record, params);
    } catch (error) {
      observer.startFailed(error instanceof ProcessionError ? error.code : 'internal_error');
      throw error;
    } finally {
      this.#launchingCount -= 1;
    }
  }

  #requireRoom(): void {
    const { draining, processesMax, storeHealth } = this.#options;
    if (draining.aborted) {
      throw new ProcessionError('draining', 'the service shuts down and starts nothing');
    }
    storeHealth.requireStore();
    if (this.runningCount < processesMax) return;
    const detail = `${processesMax} processes are running, which is the most`;
    throw new ProcessionError('processes_max_reached', detail);
  }
}
