import { watch } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { between } from './cast.ts';
import type { Told } from './claim.ts';

/** When to kill: some time after the load has begun, or the instant that something happens. */
export type Moment =
  { readonly afterMs: number } | { readonly event: Told | Touched; readonly times: number };

/** A row was written, or the files of a log were begun: what belongs to it is still to come. */
type Touched = 'row' | 'log';

/** Draws one: as often any instant as one of the unlucky ones. */
export function drawMoment(random: () => number): Moment {
  const isUnlucky = random() < 0.5;
  const afterMs = random() * anyMsMax;
  const [event, timesMax] = unlucky[between(random, 0, unlucky.length - 1)] ?? ['started', 1];
  const times = between(random, 1, timesMax);
  return isUnlucky ? { event, times } : { afterMs };
}

/** For people. */
export function textOf(moment: Moment): string {
  if ('afterMs' in moment) return `after ${Math.round(moment.afterMs)} ms`;
  return `at ${moment.event} ${moment.times}`;
}

/** Calls `kill` in its moment, once. */
export class Trigger {
  readonly #moment: Moment;
  readonly #kill: () => void;
  readonly #over = new AbortController();
  #times = 0;

  constructor(moment: Moment, kill: () => void) {
    this.#moment = moment;
    this.#kill = kill;
  }

  /** Aborted at the kill. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** The load begins on a data directory. What does not happen for long need not be waited for. */
  async arm(data: string): Promise<void> {
    const { over: signal } = this;
    watch(path.join(data, 'metadata.sqlite-wal'), { signal }, () => {
      this.onEvent('row');
    });
    watch(path.join(data, 'logs'), { signal }, () => {
      this.onEvent('log');
    });
    const ms = 'afterMs' in this.#moment ? this.#moment.afterMs : eventMsMax;
    await sleep(ms, null, { signal }).catch(() => null);
    this.#fire();
  }

  readonly onEvent = (event: Told | Touched): void => {
    if ('afterMs' in this.#moment || this.#moment.event !== event) return;
    this.#times += 1;
    if (this.#times === this.#moment.times) this.#fire();
  };

  #fire(): void {
    if (this.over.aborted) return;
    this.#kill();
    this.#over.abort();
  }
}

const anyMsMax = 300;
const eventMsMax = 1500;

/** How often they happen at most before the kill. */
const unlucky: readonly (readonly [Told | Touched, timesMax: number])[] = [
  ['started', 8],
  ['accepted', 20],
  ['exited', 5],
  ['closed', 5],
  ['removed', 2],
  ['row', 40],
  ['row', 40],
  ['log', 6],
];
