import { constants } from 'node:os';
import { ProcessionError } from '../../errors.ts';
import { signalNumber } from '../../signals.ts';
import { ProcessTree } from './tree.ts';
import type { TreeRemains, TreeRoot } from './tree-root.ts';

/** How to end: a signal to ask with, then `graceMs` until SIGKILL. */
export interface EndingRequest {
  readonly signal: string;
  readonly graceMs: number;
}

/** Whom an ending ends. */
export type EndingOptions = (TreeRoot | TreeRemains) & {
  /** How long after the first SIGKILL those still there become survivors; default 5 s. */
  readonly survivorsAfterMs?: number;
};

/**
 * Ends one process and all it started: asks, waits the grace, kills, and looks until nobody
 * is left. While the child lives the group is asked, afterwards every member that is found.
 */
export class Ending {
  readonly #tree: ProcessTree;
  readonly #survivorsAfterMs: number;
  readonly #unsent: number[] = [];
  #polite: Polite = { signals: [], asked: new Set() };
  #killAtMs = Infinity;
  #run: Promise<readonly number[]> | null = null;
  #wake: (() => void) | null = null;
  #isClosed = false;

  constructor({ survivorsAfterMs = 5_000, ...root }: EndingOptions) {
    this.#tree = new ProcessTree(root);
    this.#survivorsAfterMs = survivorsAfterMs;
    void this.#tree.leaderReaped?.then(() => this.#wake?.());
  }

  /**
   * Asks once more, also long after the exit; of several requests the earliest SIGKILL
   * counts. Resolves, without waiting longer than needed, with the pids that are left.
   * Rejects with `invalid_request` when this host has no such signal. A tree from which we
   * come ourselves is left as it is.
   */
  request({ signal, graceMs }: EndingRequest): Promise<readonly number[]> {
    const number = signalNumber(signal);
    if (number === undefined) return Promise.reject(noSuchSignal(signal));
    if (this.#tree.holdsUs) return this.#tree.find();
    this.#unsent.push(number);
    this.#killAtMs = Math.min(this.#killAtMs, performance.now() + graceMs);
    this.#wake?.();
    this.#run ??= this.#end();
    return this.#run;
  }

  /** Kills those who need not be looked for, and waits for nothing. */
  killNow(): void {
    if (!this.#tree.holdsUs) this.#tree.killNow();
  }

  /** Stops waiting: a request under way resolves with the pids found last. */
  close(): void {
    this.#isClosed = true;
    this.#wake?.();
  }

  async #end(): Promise<readonly number[]> {
    let round = firstRound(false);
    try {
      for (;;) {
        await this.#ask();
        round = nextRound(round, performance.now() >= this.#killAtMs);
        const left = await this.#look(round);
        if (left.length === 0) this.#tree.removeCgroup();
        if (left.length === 0 || this.#isOver(round)) return left;
        round = withMembers(round, left);
        await this.#pause(round);
      }
    } finally {
      this.#run = null;
      this.#killAtMs = Infinity;
      this.#unsent.length = 0;
    }
  }

  async #ask(): Promise<void> {
    for (const signal of this.#unsent.splice(0)) {
      // A stopped process acts on a signal only after SIGCONT.
      const signals = [signal, constants.signals.SIGCONT];
      this.#polite = { signals, asked: new Set() };
      if (this.#tree.leader !== null) signals.forEach((number) => this.#tree.signalGroup(number));
      else await this.#askNew();
    }
  }

  /** Who is seen later than others, or was forked meanwhile, is asked later. */
  async #askNew(): Promise<readonly number[]> {
    const { signals, asked } = this.#polite;
    const left = await this.#tree.signalAll(signals, asked);
    for (const pid of left) asked.add(pid);
    return left;
  }

  /** Who is left; kills them if it is time for that. */
  async #look({ isKilling, isForking }: Round): Promise<readonly number[]> {
    const hunted = isForking ? await this.#tree.hunt() : [];
    if (hunted.length > 0) return hunted;
    if (isKilling) return this.#tree.kill();
    const { leader } = this.#tree;
    return leader === null ? this.#askNew() : [leader];
  }

  #isOver({ isKilling, sinceMs }: Round): boolean {
    return this.#isClosed || (isKilling && performance.now() >= sinceMs + this.#survivorsAfterMs);
  }

  /** Ends early at the exit of a child, at a request and at {@link close}. */
  #pause({ isKilling, pauseMs }: Round): Promise<void> {
    if (this.#unsent.length > 0 || this.#isClosed) return Promise.resolve();
    const graceMs = Math.max(0, Math.ceil(this.#killAtMs - performance.now()));
    const isTold = this.#tree.leaderReaped !== null && this.#tree.leader !== null;
    const askingMs = isTold ? graceMs : Math.min(pauseMs, graceMs);
    const waitMs = isKilling ? pauseMs : askingMs;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), Math.min(waitMs, timerMsMax));
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
    });
  }
}

function noSuchSignal(signal: string): ProcessionError {
  const detail = `${JSON.stringify(signal)} is not a signal of this host.`;
  return new ProcessionError('invalid_request', detail);
}

/** What was asked with, and who has been asked one by one. */
interface Polite {
  readonly signals: readonly number[];
  readonly asked: Set<number>;
}

/** A look at what is left, and the pause after it. */
interface Round {
  readonly isKilling: boolean;
  /** When the asking or the killing began. */
  readonly sinceMs: number;
  readonly pauseMs: number;
  /** Who was there at the last look. */
  readonly pids: readonly number[];
  /** Whether there were new ones at the last look although all had been killed. */
  readonly isForking: boolean;
}

function firstRound(isKilling: boolean): Round {
  return {
    isKilling,
    sinceMs: performance.now(),
    pauseMs: pauseFirstMs,
    pids: [],
    isForking: false,
  };
}

/** Pauses double, and start again short with the killing. */
function nextRound(last: Round, isKilling: boolean): Round {
  if (isKilling !== last.isKilling) return firstRound(isKilling);
  const pauseMs = Math.min(last.pauseMs * 2, isKilling ? pauseKillingMsMax : pauseAskingMsMax);
  return { ...last, pauseMs };
}

function withMembers(round: Round, pids: readonly number[]): Round {
  const isNew = (pid: number): boolean => !round.pids.includes(pid);
  const isForking = round.isKilling && round.pids.length > 0 && pids.some(isNew);
  return { ...round, pids, isForking, pauseMs: isForking ? pauseForkingMs : round.pauseMs };
}

const pauseForkingMs = 1;
const pauseFirstMs = 10;
const pauseAskingMsMax = 250;
const pauseKillingMsMax = 1_000;

/** A longer timer would fire at once. */
const timerMsMax = 2_147_483_647;
