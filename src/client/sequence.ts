import { ProcessionError } from '../errors.ts';
import type { StreamEvent } from '../log/event.ts';

/**
 * The place of a reader in a log, over any number of connections. Lets each event through
 * once and in order.
 */
export class Sequence {
  #cursor: number | null;

  /** `cursor` null: from wherever the first event or gap says that the log begins. */
  constructor(cursor: number | null) {
    this.#cursor = cursor;
  }

  /** The last seq that is covered; null when nothing is. */
  get cursor(): number | null {
    return this.#cursor;
  }

  /**
   * Whether to pass the event on. Throws when events are missing that no gap tells of. A gap
   * before the oldest event is none for a reader that has asked for the oldest.
   */
  accept(event: StreamEvent): boolean {
    switch (event.type) {
      case 'output':
      case 'exited':
      case 'closed':
        return this.#cover(event.seq, event.seq);
      case 'gap': {
        const isKnown = this.#cursor !== null;
        return this.#cover(event.from_seq, event.to_seq) && isKnown;
      }
      case 'failed':
      case 'lagged':
      case 'draining':
        return true;
    }
  }

  #cover(firstSeq: number, lastSeq: number): boolean {
    const cursor = this.#cursor;
    if (cursor !== null && lastSeq <= cursor) return false;
    if (cursor !== null && firstSeq !== cursor + 1) {
      const detail = `the stream went on with event ${firstSeq} after event ${cursor}`;
      throw new ProcessionError('internal_error', detail);
    }
    this.#cursor = lastSeq;
    return true;
  }
}
