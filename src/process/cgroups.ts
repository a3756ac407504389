import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { errnoOf } from './errno.ts';

/** A group of the kernel that nobody leaves by himself: a child and all that comes from it. */
export interface Cgroup {
  /** Who is in it, also in the groups that its members have made below it. */
  pids(): readonly number[];
  /** Kills all of them in one step, so that nobody can fork away. Never throws. */
  kill(): void;
}

/**
 * The control groups (version 2) of this process, one for each child. Groups that have become
 * empty are used again, since making one takes longer than moving a process into it.
 */
export class Cgroups {
  readonly #base: string;
  readonly #taken = new Map<string, string>();
  readonly #free: string[] = [];
  #made = 0;
  #isRefused = false;

  /** `parent` is our own group. Throws when groups cannot be made in it, or not be killed. */
  constructor(parent: string) {
    sweep(parent);
    this.#base = path.join(parent, `${prefix}${process.pid}`);
    mkdirSync(this.#base, { recursive: true });
    // From Linux 5.14 on; without it a group is no better than the marker.
    accessSync(path.join(this.#base, 'cgroup.kill'), constants.W_OK);
  }

  /** Moves a child that has just been started; a host that refuses is not asked again. */
  enter(incarnation: string, pid: number): void {
    if (this.#isRefused) return;
    this.#reclaim();
    try {
      const directory = this.#free.pop() ?? this.#make();
      this.#taken.set(incarnation, directory);
      enterBelow(directory, pid);
    } catch (error) {
      this.#isRefused = !isGone(error);
    }
  }

  /** The group of a child; null when it has none, or nobody is left in it. */
  of(incarnation: string): Cgroup | null {
    const directory = this.#taken.get(incarnation);
    if (directory === undefined) return null;
    return {
      pids: () => pidsBelow(directory),
      kill() {
        killAllIn(directory);
      },
    };
  }

  /** Removes the groups that are empty, and ours when all are. */
  close(): void {
    removeEmpty(this.#base);
  }

  #make(): string {
    this.#made += 1;
    const directory = path.join(this.#base, String(this.#made));
    mkdirSync(directory, { recursive: true });
    return directory;
  }

  /** Looks at two of those that were taken longest ago; who is not empty is the last in turn. */
  #reclaim(): void {
    for (const [incarnation, directory] of this.#taken.entries().take(looksPerEntry).toArray()) {
      this.#taken.delete(incarnation);
      const state = stateOf(directory);
      if (state === 'empty') this.#free.push(directory);
      if (state === 'populated') this.#taken.set(incarnation, directory);
    }
  }
}

/** With two no more groups wait to be used again than are in use. */
const looksPerEntry = 2;

/** Followed by the pid of who made it. */
const prefix = 'procession-';

let host: Cgroups | null | undefined;

/** The groups of this host; null where it has none, or lets us make none. */
export function hostCgroups(): Cgroups | null {
  host ??= openHostCgroups();
  return host;
}

function openHostCgroups(): Cgroups | null {
  try {
    const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    const [, mount] = /^(?:\S+ ){4}(\S+) .* - cgroup2 /m.exec(mounts) ?? [];
    if (own === undefined || mount === undefined) return null;
    const cgroups = new Cgroups(path.join(mount, own));
    process.once('exit', () => {
      cgroups.close();
    });
    return cgroups;
  } catch {
    return null;
  }
}

/** Whoever it has forked by now comes too; those forked later are born there. */
function enterBelow(directory: string, pid: number): void {
  writeFileSync(path.join(directory, 'cgroup.procs'), String(pid));
  for (const child of childrenOf(pid)) enterBelow(directory, child);
}

function childrenOf(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Removes what a service that is no more has left here. */
function sweep(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number(name.slice(prefix.length));
    if (pid === process.pid || !existsSync(`/proc/${pid}`)) removeEmpty(path.join(parent, name));
  }
}

/** From below, as far as nobody is in them. */
function removeEmpty(directory: string): void {
  try {
    for (const child of directoriesIn(directory)) removeEmpty(child);
    rmdirSync(directory);
  } catch {
    // Somebody is still in it, or it is gone.
  }
}

/** `gone`: somebody has removed it while it was empty. */
function stateOf(directory: string): 'populated' | 'empty' | 'gone' {
  try {
    const events = readFileSync(path.join(directory, 'cgroup.events'), 'utf8');
    return events.includes('populated 0') ? 'empty' : 'populated';
  } catch {
    return 'gone';
  }
}

function pidsBelow(directory: string): readonly number[] {
  try {
    const text = readFileSync(path.join(directory, 'cgroup.procs'), 'utf8');
    const own = text.split('\n').filter(Boolean).map(Number);
    return [...own, ...directoriesIn(directory).flatMap(pidsBelow)];
  } catch {
    return [];
  }
}

function killAllIn(directory: string): void {
  try {
    writeFileSync(path.join(directory, 'cgroup.kill'), '1');
  } catch {
    // It is gone, and so are they; or they are looked for one by one.
  }
}

function directoriesIn(directory: string): readonly string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => path.join(directory, name));
}

/** The child has ended, or somebody has removed its group while that was empty. */
function isGone(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ESRCH' || errno === 'ENOENT';
}
