import type { Wake, WakeStream } from '../exec-backend.ts';
import type { Wait } from '../log/wake-list.ts';
import type { Hub } from './hub.ts';

/** Follows the head of a hub; a null cursor is before the head of an empty log. */
export class WakeCursor implements WakeStream {
  readonly #hub: Hub;
  #given: number;
  #isDone = false;
  #wait: Wait | null = null;

  constructor(hub: Hub, after_seq: number | null) {
    this.#hub = hub;
    this.#given = after_seq ?? -1;
  }

  async next(waitMs: number): Promise<Wake | 'idle' | 'draining' | null> {
    for (;;) {
      if (this.#isDone) return null;
      if (this.#hub.isDraining) return this.#end('draining');
      if (this.#hub.endSeq > this.#given) return this.#give();
      this.#wait = this.#hub.wait(waitMs);
      const isWoken = await this.#wait.promise;
      if (!isWoken) return 'idle';
    }
  }

  close(): void {
    this.#isDone = true;
    this.#wait?.wake();
  }

  #give(): Wake {
    const wake = wakeOf(this.#hub);
    this.#given = wake.seq;
    return wake.closed || wake.failed ? this.#end(wake) : wake;
  }

  #end<Last>(last: Last): Last {
    this.#isDone = true;
    return last;
  }
}

function wakeOf(hub: Hub): Wake {
  return {
    seq: hub.endSeq,
    next_seq: hub.head.last_seq + 1,
    closed: hub.lifecycle.state === 'closed',
    failed: hub.lifecycle.state === 'failed',
  };
}
