import { constants } from 'node:os';
import type { Cgroups } from './cgroups.ts';
import { hostCgroups } from './host-cgroups.ts';
import { errnoOf } from './errno.ts';
import type { ProcessEntry } from './process-table.ts';
import { bootTicks, ProcessTable, startTicksOf } from './process-table.ts';

/** Which child a tree grows from. */
export interface TreeRoot {
  readonly pid: number;
  /** The value of the marker variable in the child's environment. */
  readonly incarnation: string;
  /** Resolves when the child is reaped, and never rejects; null: that was long ago. */
  readonly exit: Promise<unknown> | null;
  /** Where to look; default: this host. */
  readonly table?: Pick<ProcessTable, 'read' | 'each'>;
  /** The groups of the kernel, or null where there are none; default: those of this host. */
  readonly cgroups?: Pick<Cgroups, 'of'> | null;
}

/**
 * A child and what it started: its cgroup, which nobody can leave; and for hosts without one
 * the process group and the session that it leads, and whoever carries its marker. Who leaves
 * all of these is lost. Without `/proc` the tree is the group alone.
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
  readonly #table: Pick<ProcessTable, 'read' | 'each'>;
  readonly #cgroups: Pick<Cgroups, 'of'> | null;
  #reapedAtMs: number | null;

  constructor({ pid, incarnation, exit, ...host }: TreeRoot) {
    const { table = hostTable, cgroups = hostCgroups() } = host;
    this.pid = pid;
    this.#incarnation = incarnation;
    this.#table = table;
    this.#cgroups = cgroups;
    this.#reapedAtMs = exit === null ? longAgo : null;
    this.leaderReaped = Promise.resolve(exit).then(() => {
      this.#reapedAtMs ??= performance.now();
    });
  }

  /** Whether the child has not been reaped, so that its number is surely its own. */
  get hasLeader(): boolean {
    return this.#reapedAtMs === null;
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

  /**
   * Sends signals, in order, to all living members but those excepted; resolves with the pids
   * of all. A pid that has come to name somebody else since it was found gets none.
   */
  async signalAll(
    signals: readonly number[],
    excepted: ReadonlySet<number> = nobody,
  ): Promise<readonly number[]> {
    const members = await this.#members();
    const asGroup = excepted.size === 0 ? members.filter(({ group }) => group === this.pid) : [];
    const others = members.filter((one) => !asGroup.includes(one) && !excepted.has(one.pid));
    for (const signal of signals) {
      if (asGroup.length > 0) send(-this.pid, signal);
      for (const member of others) sendToMember(member, signal);
    }
    return members.map(({ pid }) => pid);
  }

  /** Kills who is in the cgroup and in the group, and waits for nothing. */
  killNow(): void {
    this.#cgroups?.of(this.#incarnation)?.kill();
    this.signalGroup(constants.signals.SIGKILL);
  }

  /** The same, then whoever else is found; resolves with all of them. */
  async kill(): Promise<readonly number[]> {
    this.killNow();
    return this.signalAll([constants.signals.SIGKILL]);
  }

  /**
   * Kills everybody the moment he is found, for trees that fork faster than {@link kill} looks;
   * resolves with those who were found.
   */
  async hunt(): Promise<readonly number[]> {
    const pids: number[] = [];
    await this.#table.each((entry) => {
      if (!this.#isMarked(entry) && !(this.hasLeader && this.#isNumbered(entry))) return;
      send(entry.pid, constants.signals.SIGKILL);
      pids.push(entry.pid);
    });
    return pids;
  }

  async #members(): Promise<readonly Member[]> {
    const table = await this.#table.read();
    const inCgroup = this.#cgroups?.of(this.#incarnation)?.pids() ?? [];
    if (table === null) return this.#membersOfGroup();
    const related = table.filter((entry) => this.#isNumbered(entry));
    const areOurs = this.hasLeader || related.some((entry) => this.#isProof(entry));
    const found = new Map<number, Member>(inCgroup.map((pid) => [pid, unseen(pid)]));
    for (const entry of table) {
      const isOurs = this.#isMarked(entry) || (areOurs && this.#isNumbered(entry));
      if (isOurs || found.has(entry.pid)) found.set(entry.pid, entry);
    }
    return [...found.values()];
  }

  #membersOfGroup(): readonly Member[] {
    if (send(-this.pid, 0) === 'gone') return [];
    return [{ ...unseen(this.pid), group: this.pid }];
  }

  #isNumbered({ group, session }: ProcessEntry): boolean {
    return group === this.pid || session === this.pid;
  }

  #isMarked({ marker }: ProcessEntry): boolean {
    return marker === this.#incarnation;
  }

  /** Reckoned back only when somebody asks, since most are never asked for. */
  #reapedTicks(): number {
    const agoMs = performance.now() - (this.#reapedAtMs ?? longAgo);
    return bootTicks() - Math.floor(agoMs / 10);
  }

  #isProof(entry: ProcessEntry): boolean {
    return this.#isMarked(entry) || entry.startTicks <= this.#reapedTicks();
  }
}

/** What is known of a member; `startTicks` is null when it was not seen in the table. */
type Member = Pick<ProcessEntry, 'pid'> & {
  readonly group: number | null;
  readonly startTicks: number | null;
};

function unseen(pid: number): Member {
  return { pid, group: null, startTicks: null };
}

/** A scan takes a while, in which a pid may change hands. */
function sendToMember({ pid, startTicks }: Member, signal: number): void {
  if (startTicks === null || startTicks === startTicksOf(pid)) send(pid, signal);
}

const nobody: ReadonlySet<number> = new Set();

/** Before every process, so that none is taken for one of the child's own time. */
const longAgo = -Infinity;

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
