import type { Engine, ProcessRecord } from '../engine/engine.ts';
import type { OpenStreams } from './open-streams.ts';
import type { BackendLog } from './backend-log.ts';

/** What retention needs to know and to touch. */
export interface RetentionOptions {
  readonly engine: Engine;
  readonly streams: OpenStreams;
  readonly log: BackendLog;
  /** Called before a process becomes unknown to the engine. */
  readonly onForget: (processId: string) => void;
}

/** How often processes whose retention has passed are looked for. */
const sweepMs = 1000;

/** Removes processes: at once from the index, their logs when the last reader has left. */
export class Retention {
  readonly #options: RetentionOptions;
  readonly #timer: NodeJS.Timeout;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      void this.#sweep();
    }, sweepMs);
  }

  /** Forgets a process that is over. Its open streams get what is left of the log. */
  async forget(record: ProcessRecord): Promise<void> {
    const { engine, onForget } = this.#options;
    onForget(record.process_id);
    await engine.remove(record.process_id);
    void this.#dropWhenIdle(record);
  }

  /** Stops looking for expired processes. */
  close(): void {
    clearInterval(this.#timer);
  }

  async #sweep(): Promise<void> {
    const { engine, log } = this.#options;
    try {
      for (const { record } of await engine.findExpired()) await this.#expire(record);
    } catch (err) {
      log.error({ err }, 'expired processes were not found');
    }
  }

  /** One that cannot be removed does not keep the others. */
  async #expire(record: ProcessRecord): Promise<void> {
    try {
      await this.forget(record);
    } catch (err) {
      const { process_id } = record;
      this.#options.log.error({ process_id, err }, 'an expired process was not removed');
    }
  }

  async #dropWhenIdle(record: ProcessRecord): Promise<void> {
    const { engine, streams, log } = this.#options;
    await streams.whenIdle(record);
    try {
      await engine.dropLog(record);
    } catch (err) {
      log.error({ process_id: record.process_id, err }, 'the log of a removed process remains');
    }
  }
}
