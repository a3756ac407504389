import { errnoOf } from './errno.ts';
import type { ProcessEntry } from './process-table.ts';
import { bootTicks, ProcessTable } from './process-table.ts';

/** Which child a tree grows from. */
export interface TreeRoot {
  readonly pid: number;
  /** The value of the marker variable in the child's environment. */
  readonly incarnation: string;
  /** Resolves when the child is reaped, and never rejects; null: that was long ago. */
  readonly exit: Promise<unknown> | null;
  /** Where to look; default: this host. */
  readonly table?: Pick<ProcessTable, 'read'>;
}

/**
 * A child and what it started: the process group and the session that it leads, and whoever
 * carries its marker. Who leaves both and drops the marker is lost. Without `/proc` the tree
 * is the group alone.
 *
 * The number of a reaped child may come to name strangers, but not while its group or
 * session has members. So from then on these count only if one of them carries the marker
 * or was started before the child was reaped.
 */
export class ProcessTree {
  readonly pid: number;
  /** Resolves when {@link hasLeader} has become false. */
  readonly leaderReaped: Promise<void>;
  readonly #incarnation: string;
  readonly #table: Pick<ProcessTable, 'read'>;
  #reapedTicks: number | null;

  constructor({ pid, incarnation, exit, table = hostTable }: TreeRoot) {
    this.pid = pid;
    this.#incarnation = incarnation;
    this.#table = table;
    this.#reapedTicks = exit === null ? longAgo : null;
    this.leaderReaped = Promise.resolve(exit).then(() => {
      this.#reapedTicks ??= bootTicks();
    });
  }

  /** Whether the child has not been reaped, so that its number is surely its own. */
  get hasLeader(): boolean {
    return this.#reapedTicks === null;
  }

  /** Signals the whole group, if the child was not reaped; whether anybody got it. */
  signalGroup(signal: number): boolean {
    return this.hasLeader && send(-this.pid, signal) === 'sent';
  }

  /** The pids of all living members. */
  async find(): Promise<readonly number[]> {
    const members = await this.#members();
    return members.map(({ pid }) => pid);
  }

  /** Sends signals, in order, to all living members; resolves with their pids as found before. */
  async signalAll(signals: readonly number[]): Promise<readonly number[]> {
    const members = await this.#members();
    const outside = members.filter(({ group }) => group !== this.pid);
    const targets = outside.map(({ pid }) => pid);
    if (outside.length < members.length) targets.unshift(-this.pid);
    for (const signal of signals) {
      for (const target of targets) send(target, signal);
    }
    return members.map(({ pid }) => pid);
  }

  async #members(): Promise<readonly Pick<ProcessEntry, 'pid' | 'group'>[]> {
    const table = await this.#table.read();
    if (table === null)
      return send(-this.pid, 0) === 'gone' ? [] : [{ pid: this.pid, group: this.pid }];
    const related = table.filter((entry) => this.#isNumbered(entry));
    const areOurs = this.hasLeader || related.some((entry) => this.#isProof(entry));
    return table.filter((entry) => this.#isMarked(entry) || (areOurs && this.#isNumbered(entry)));
  }

  #isNumbered({ group, session }: ProcessEntry): boolean {
    return group === this.pid || session === this.pid;
  }

  #isMarked({ marker }: ProcessEntry): boolean {
    return marker === this.#incarnation;
  }

  #isProof(entry: ProcessEntry): boolean {
    return this.#isMarked(entry) || entry.startTicks <= (this.#reapedTicks ?? longAgo);
  }
}

/** Before every process, so that none is taken for one of the child's own time. */
const longAgo = -1;

/** One for all trees, so that one scan serves all that end at once. */
const hostTable = new ProcessTable();

/** `gone`: nobody is there; `forbidden`: somebody whom we may not signal. */
function send(target: number, signal: number): 'sent' | 'gone' | 'forbidden' {
  try {
    process.kill(target, signal);
    return 'sent';
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ESRCH') return 'gone';
    if (errno === 'EPERM') return 'forbidden';
    throw error;
  }
}
