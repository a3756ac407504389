import type { Engine } from '../engine/engine.ts';
import { storeRefusal } from './store-refusal.ts';
import type { BackendLog } from './backend-log.ts';

/** How often a store that has refused a start is asked again. */
const probeMs = 1000;

/** Whether the store takes what is written: whose output waits for it, and if starts may go on. */
export class StoreHealth {
  readonly #engine: Pick<Engine, 'probe'>;
  readonly #log: BackendLog;
  readonly #waiting = new Map<string, unknown>();
  #refusedStart: { readonly error: unknown; readonly timer: NodeJS.Timeout } | null = null;

  constructor(engine: Pick<Engine, 'probe'>, log: BackendLog) {
    this.#engine = engine;
    this.#log = log;
  }

  /** Whether new starts are refused. */
  get isDegraded(): boolean {
    return this.#waiting.size > 0 || this.#refusedStart !== null;
  }

  /** Throws `store_full` or `store_failing` while new starts are refused. */
  requireStore(): void {
    if (!this.isDegraded) return;
    const [error] = this.#waiting.values();
    throw storeRefusal(error ?? this.#refusedStart?.error);
  }

  /** An append of a process was refused. Whether that is new. */
  refusedAppend(process_id: string, err: unknown): boolean {
    const isNew = !this.#waiting.has(process_id);
    if (isNew) this.#log.error({ process_id, err }, 'append refused, will be repeated');
    this.#waiting.set(process_id, err);
    return isNew;
  }

  /** The append was accepted at last. */
  acceptedAppend(process_id: string): void {
    if (this.#waiting.delete(process_id)) this.#log.info({ process_id }, 'append accepted again');
  }

  /** A start was refused: asks the store again until it takes something. */
  refusedStart(err: unknown): void {
    if (this.#refusedStart !== null) return;
    this.#log.error({ err }, 'starts refused by the store');
    const timer = setInterval(() => void this.#probe(), probeMs);
    this.#refusedStart = { error: err, timer };
  }

  /** Asks no more. */
  close(): void {
    clearInterval(this.#refusedStart?.timer);
  }

  async #probe(): Promise<void> {
    try {
      await this.#engine.probe();
    } catch {
      return;
    }
    this.close();
    this.#refusedStart = null;
    this.#log.info({}, 'starts accepted again');
  }
}
