import type { Engine, ProcessRecord, ProcessKey } from '../engine/engine.ts';
import { Ending } from '../process/tree/ending.ts';
import type { BackendLog } from './backend-log.ts';

/** What happens to the children of a service that died. */
export type OrphansPolicy = 'terminate' | 'leave';

/** What orphans are found with. */
export interface OrphansOptions {
  readonly engine: Pick<Engine, 'leftovers' | 'settle' | 'release'>;
  readonly log: BackendLog;
}

/**
 * The children of the service before this one, if that died. Its processes are over for their
 * readers, while what they started may still run.
 */
export class Orphans {
  readonly #options: OrphansOptions;
  #endings: readonly Ending[] = [];
  #underway: Promise<unknown> = Promise.resolve();

  constructor(options: OrphansOptions) {
    this.#options = options;
  }

  /**
   * Deals with all by policy. To terminate is to ask, to wait the grace of each process, and to
   * kill; resolves when they were asked. Starts that nobody was told of are killed first.
   */
  async begin(policy: OrphansPolicy): Promise<void> {
    const { engine, log } = this.#options;
    const { orphaned, starts } = await engine.leftovers();
    await Promise.all(starts.map((start) => this.#endStart(start)));
    if (policy === 'leave') {
      await Promise.all(
        orphaned.map((record) => this.#record(record, () => engine.settle(record))),
      );
      if (orphaned.length > 0) log.info({ processes: orphaned.length }, 'orphans left');
      return;
    }
    const endings = orphaned.map((record) => ({ record, ending: endingOf(record) }));
    this.#endings = endings.map(({ ending }) => ending);
    this.#underway = Promise.all(endings.map(({ record, ending }) => this.#end(record, ending)));
  }

  /** Kills those that are left and waits for nothing. */
  killNow(): void {
    for (const ending of this.#endings) ending.killNow();
  }

  /** Kills those that are left; resolves when all are gone, or after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    const timer = setTimeout(() => {
      for (const ending of this.#endings) ending.close();
    }, graceMs);
    await Promise.all(this.#endings.map((ending) => ending.request(kill)));
    await this.#underway;
    clearTimeout(timer);
  }

  async #endStart(start: ProcessKey): Promise<void> {
    const { engine } = this.#options;
    const ending = new Ending({ incarnation: start.incarnation, remains: null });
    const survivors = await ending.request(kill);
    if (survivors.length === 0) await this.#record(start, () => engine.release(start));
  }

  async #end(record: ProcessRecord, ending: Ending): Promise<void> {
    const { engine, log } = this.#options;
    const { process_id, grace_ms } = record;
    const survivors = await ending.request({ signal: 'SIGTERM', graceMs: grace_ms });
    if (survivors.length > 0) log.error({ process_id, survivors }, 'orphans survive');
    else await this.#record(record, () => engine.settle(record));
  }

  /** What cannot be recorded is looked for again at the next start. */
  async #record({ process_id }: ProcessKey, change: () => Promise<void>): Promise<void> {
    try {
      await change();
    } catch (err) {
      this.#options.log.error({ process_id, err }, 'the end of orphans was not recorded');
    }
  }
}

const kill = { signal: 'SIGKILL', graceMs: 0 } as const;

function endingOf(record: ProcessRecord): Ending {
  return new Ending({ incarnation: record.incarnation, remains: record });
}
