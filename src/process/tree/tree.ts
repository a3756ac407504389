import { constants } from 'node:os';
import type { Cgroup, Cgroups } from './cgroups.ts';
import { markerVariable } from '../environment.ts';
import { hostCgroups } from './host-cgroups.ts';
import type { Leader } from './leader.ts';
import { ChildLeader, OrphanLeader } from './leader.ts';
import type { OrphanCgroup } from './orphan-cgroup.ts';
import { orphanCgroup } from './orphan-cgroup.ts';
import type { ProcessEntry } from './process-table.ts';
import { ProcessTable, statOf } from './process-table.ts';
import type { Member } from './send-signal.ts';
import { send, sendToGroup, sendToMember } from './send-signal.ts';
import type { TreeRemains, TreeRoot } from './tree-root.ts';

/**
 * A child and what it started: its cgroup, which nobody can leave; and for hosts without one
 * the process group and the session that it leads, and whoever carries its marker. Who leaves
 * all of these is lost. Without `/proc` the tree of a child is the group alone.
 *
 * The number of a reaped child may come to name strangers, but not while its group or session
 * has members. So from then on these count only if one of them carries the marker, is in the
 * cgroup or was started before the child was reaped.
 *
 * The same holds for what a service leaves that is gone, where the child is whoever has its
 * number and its start. After another boot, in another pid namespace and without a number only
 * the marker counts, and without `/proc` nothing.
 */
export class ProcessTree {
  readonly #leader: Leader;
  readonly #incarnation: string;
  readonly #table: Pick<ProcessTable, 'read' | 'each'>;
  readonly #cgroups: Pick<Cgroups, 'of'> | null;
  readonly #orphanCgroup: OrphanCgroup | null;
  /** Who was started until then and is in the group or session was once found to be ours. */
  #provenTicks = -Infinity;

  constructor(root: TreeRoot | TreeRemains) {
    this.#incarnation = root.incarnation;
    this.#table = root.table ?? hostTable;
    if (root.remains === undefined) {
      const { pid, exit, cgroups = hostCgroups() } = root;
      this.#leader = new ChildLeader(pid, exit);
      this.#cgroups = cgroups;
      this.#orphanCgroup = null;
    } else {
      this.#leader = new OrphanLeader(root.remains);
      this.#cgroups = null;
      this.#orphanCgroup = orphanCgroup(root.remains);
    }
  }

  /** The pid of the child while that is there, so that its group can be asked; else null. */
  get leader(): number | null {
    return this.#leader.isThere() ? this.#leader.number : null;
  }

  /** Resolves when {@link leader} has become null; null: nobody will tell, look yourself. */
  get leaderReaped(): Promise<void> | null {
    return this.#leader.reaped;
  }

  /** Whether we come from an orphaned tree ourselves, so that who ends it would end us. */
  get holdsUs(): boolean {
    if (this.#leader.reaped !== null) return false;
    if (process.env[markerVariable] === this.#incarnation) return true;
    const us = statOf(process.pid);
    if (us !== null && this.#isNumbered(us)) return true;
    return this.#orphanCgroup?.pids().includes(process.pid) ?? false;
  }

  /** Signals the whole group, if its number is surely the child's; whether anybody got it. */
  signalGroup(signal: number): boolean {
    const { number } = this.#leader;
    if (number === null || !this.#leader.ownsNumber()) return false;
    return send(-number, signal) === 'sent';
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
    const { number } = this.#leader;
    const asGroup = excepted.size === 0 ? members.filter(({ group }) => group === number) : [];
    const others = members.filter((one) => !asGroup.includes(one) && !excepted.has(one.pid));
    for (const signal of signals) {
      if (number !== null) sendToGroup(number, asGroup, signal);
      for (const member of others) sendToMember(member, signal);
    }
    return members.map(({ pid }) => pid);
  }

  /** Kills who is in the cgroup and in the group, and waits for nothing. */
  killNow(): void {
    this.#cgroup?.kill();
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
      const isOurs = this.#isNumbered(entry) && this.#leader.ownsNumber();
      if (!isOurs && !this.#isMarked(entry)) return;
      send(entry.pid, constants.signals.SIGKILL);
      pids.push(entry.pid);
    });
    return pids;
  }

  /** Removes the cgroup of an orphaned tree that nobody is left in; that of a child has an owner. */
  removeCgroup(): void {
    this.#orphanCgroup?.remove();
  }

  get #cgroup(): Cgroup | null {
    return this.#orphanCgroup ?? this.#cgroups?.of(this.#incarnation) ?? null;
  }

  async #members(): Promise<readonly Member[]> {
    const table = await this.#table.read();
    if (table === null) return this.#membersOfGroup();
    const found = new Map<number, Member>();
    for (const pid of this.#cgroup?.pids() ?? []) {
      const stat = statOf(pid);
      if (stat?.isDead === false) found.set(pid, stat);
    }
    const numbered = table.filter((entry) => this.#isNumbered(entry));
    const marked = table.filter((entry) => this.#isMarked(entry));
    for (const entry of [...this.#ours(numbered, found), ...marked]) found.set(entry.pid, entry);
    return [...found.values()];
  }

  /** Those in a group or session of our number, if it still is that of the child. */
  #ours(
    numbered: readonly ProcessEntry[],
    inCgroup: ReadonlyMap<number, Member>,
  ): readonly ProcessEntry[] {
    if (!this.#leader.ownsNumber()) {
      const lastTicks = Math.max(this.#provenTicks, this.#leader.lastTicks() ?? -Infinity);
      const isProof = (entry: ProcessEntry): boolean =>
        this.#isMarked(entry) ||
        inCgroup.get(entry.pid)?.startTicks === entry.startTicks ||
        entry.startTicks <= lastTicks;
      if (!numbered.some(isProof)) return [];
    }
    this.#provenTicks = Math.max(
      this.#provenTicks,
      ...numbered.map(({ startTicks }) => startTicks),
    );
    return numbered;
  }

  /** Nobody can be looked at, so the number is all there is. */
  #membersOfGroup(): readonly Member[] {
    const { number } = this.#leader;
    if (number === null || this.#leader.lastTicks() === null) return [];
    return send(-number, 0) === 'gone' ? [] : [{ pid: number, group: number, startTicks: null }];
  }

  #isNumbered({ group, session }: Pick<ProcessEntry, 'group' | 'session'>): boolean {
    const { number } = this.#leader;
    return number !== null && (group === number || session === number);
  }

  #isMarked({ marker }: ProcessEntry): boolean {
    return marker === this.#incarnation;
  }
}

const nobody: ReadonlySet<number> = new Set();

/** One for all trees, so that one scan serves all that end at once. */
const hostTable = new ProcessTable();
