import { isDeepStrictEqual } from 'node:util';
import type { Process } from '../../src/protocol/process.ts';
import { ask } from './api.ts';
import type { Life } from './cast.ts';
import { between } from './cast.ts';
import type { Violation } from './checker.ts';
import type { Served } from './evidence.ts';
import type { ServedLog } from './log.ts';
import { digestOf } from './log.ts';
import { readPages, tracesOf } from './survey.ts';

interface Entry {
  readonly key: string;
  readonly snapshot: Process;
  readonly log: string;
  readonly starts: number;
}

/** How many old processes are looked at after each kill. */
const sample = 6;

/** What was found after the first restart: from then on nothing may change. */
export class Archive {
  readonly #random: () => number;
  readonly #entries: Entry[] = [];
  #rechecks = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** How many looks there were. */
  get rechecks(): number {
    return this.#rechecks;
  }

  /** Keeps what a process is now, if it is over. */
  add(life: Life, { snapshot, paged }: Served): void {
    if (snapshot === null || paged === null) return;
    if (snapshot.state !== 'closed' && snapshot.state !== 'failed') return;
    const key = snapshot.labels['key'] ?? '';
    const { starts } = tracesOf(life, key);
    this.#entries.push({ key, snapshot, log: summaryOf(paged), starts });
  }

  /** Looks at some of them again. */
  async recheck(url: string, life: Life): Promise<readonly Violation[]> {
    const violations: Violation[] = [];
    for (let looks = 0; looks < sample && this.#entries.length > 0; looks += 1) {
      const entry = this.#entries[between(this.#random, 0, this.#entries.length - 1)];
      if (entry === undefined) break;
      this.#rechecks += 1;
      const details = await changesOf(url, life, entry);
      violations.push(...details.map((detail) => ({ check: 'later', key: entry.key, detail })));
    }
    return violations;
  }
}

async function changesOf(url: string, life: Life, entry: Entry): Promise<readonly string[]> {
  const process = `${url}/processes/${entry.snapshot.process_id}`;
  const reply = await ask(process);
  if (!isDeepStrictEqual(reply?.body, entry.snapshot)) {
    return [`was ${JSON.stringify(entry.snapshot)}, is ${JSON.stringify(reply?.body)}`];
  }
  const faults = [];
  if (summaryOf(await readPages(process)) !== entry.log) faults.push('its log is another');
  if (tracesOf(life, entry.key).starts !== entry.starts) faults.push('it was started again');
  return faults;
}

function summaryOf({ events, gaps, end }: ServedLog): string {
  return digestOf(JSON.stringify([events, gaps, end]));
}
