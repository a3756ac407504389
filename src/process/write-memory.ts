import type { WriteResult } from '../exec-types.ts';
import type { Fingerprint } from './fingerprint.ts';

/** What is known of a write: how far it came, and its answer once all of it was accepted. */
export type WriteRecord =
  | { readonly state: 'partial'; readonly accepted: Fingerprint }
  | {
      readonly state: 'complete';
      readonly accepted: Fingerprint;
      readonly eof: boolean;
      readonly result: WriteResult;
    };

/** The newest writes that have a `write_id`; of the others nothing is kept. */
export class WriteMemory {
  readonly #records = new Map<string, WriteRecord>();
  readonly #idsMax: number;

  constructor(idsMax: number) {
    this.#idsMax = idsMax;
  }

  /** Undefined also for an id that was forgotten. */
  get(id: string | undefined): WriteRecord | undefined {
    return id === undefined ? undefined : this.#records.get(id);
  }

  /** Remembers; a new id pushes out the oldest, a known one keeps its place. */
  set(id: string | undefined, record: WriteRecord): void {
    if (id === undefined) return;
    this.#records.set(id, record);
    for (const oldest of this.#records.keys()) {
      if (this.#records.size <= this.#idsMax) return;
      this.#records.delete(oldest);
    }
  }
}
