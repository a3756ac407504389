import type { ProcessIdentity } from './identity.ts';
import { isOfThisBoot } from './identity.ts';
import type { ProcessStat } from './process-table.ts';
import { bootTicks, statOf } from './process-table.ts';
import { isPid } from './send-signal.ts';

/** The process that a tree grows from: what is known of the number that its group is called by. */
export interface Leader {
  /** Null: it is not known, or means nothing on this host now. */
  readonly number: number | null;
  /** Resolves when it has been reaped; null: nobody will tell. */
  readonly reaped: Promise<void> | null;
  /** Whether it is there and can be asked. */
  isThere(): boolean;
  /** Whether the number is surely its own now. */
  ownsNumber(): boolean;
  /** When the number was last seen to be its own, on the clock of `bootTicks`; null: never. */
  lastTicks(): number | null;
}

/** A child of ours: its number is its own until it is reaped. */
export class ChildLeader implements Leader {
  readonly number: number;
  readonly reaped: Promise<void>;
  #reaped: 'never' | 'long ago' | Moment = 'never';

  /** `exit` resolves when the child is reaped, and never rejects; null: that was long ago. */
  constructor(pid: number, exit: Promise<unknown> | null) {
    this.number = pid;
    if (exit === null) this.#reaped = 'long ago';
    this.reaped = Promise.resolve(exit).then(() => {
      if (this.#reaped === 'never') this.#reaped = now();
    });
  }

  isThere(): boolean {
    return this.#reaped === 'never';
  }

  ownsNumber(): boolean {
    return this.#reaped === 'never';
  }

  /** Reckoned back only when somebody asks, since most are never asked for. */
  lastTicks(): number | null {
    if (this.#reaped === 'long ago') return null;
    if (this.#reaped === 'never') return bootTicks();
    const { monotonicMs, wallMs } = now();
    // One clock stands still while the host sleeps, the other may be set: too long ago is safe.
    const agoMs = Math.max(monotonicMs - this.#reaped.monotonicMs, wallMs - this.#reaped.wallMs);
    return bootTicks() - Math.floor(agoMs / 10);
  }
}

interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

function now(): Moment {
  return { monotonicMs: performance.now(), wallMs: Date.now() };
}

/**
 * The child of a service that is gone. Nobody tells us of its end, so it is looked at each time:
 * the number is its own while the process with it, a zombie too, was started when it was.
 */
export class OrphanLeader implements Leader {
  readonly number: number | null;
  readonly reaped = null;
  readonly #startTicks: number | null;
  #lastTicks: number | null = null;
  #isGone: boolean;

  /** Null: it died while it started the child, so nothing of that was recorded. */
  constructor(identity: ProcessIdentity | null) {
    this.number = isOfThisBoot(identity) && isPid(identity.pid) ? identity.pid : null;
    this.#startTicks = identity?.start_ticks ?? null;
    this.#isGone = this.number === null || this.#startTicks === null;
  }

  isThere(): boolean {
    return this.#look()?.isDead === false;
  }

  ownsNumber(): boolean {
    return this.#look() !== null;
  }

  lastTicks(): number | null {
    return this.#lastTicks;
  }

  #look(): ProcessStat | null {
    if (this.#isGone || this.number === null) return null;
    const ticks = bootTicks();
    const stat = statOf(this.number);
    if (stat?.startTicks === this.#startTicks) {
      this.#lastTicks = ticks;
      return stat;
    }
    this.#isGone = true;
    return null;
  }
}
