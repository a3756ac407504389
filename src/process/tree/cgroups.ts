import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { errnoOf } from '../errno.ts';

/** A group of the kernel that nobody leaves by himself: a child and all that comes from it. */
export interface Cgroup {
  /** Who is in it, also in the groups that its members have made below it. */
  pids(): readonly number[];
  /** Kills all of them in one step, so that nobody can fork away. Never throws. */
  kill(): void;
}

/**
 * The control groups (version 2) of this process, one for each child. None is used again: a
 * child may have changed what is set for its own.
 */
export class Cgroups {
  readonly #base: string;
  readonly #taken = new Map<string, string>();
  #made = 0;
  #isRefused = false;

  /** `base` is a group of our own. */
  constructor(base: string) {
    this.#base = base;
  }

  /** Moves a child that has just been started; a host that refuses is not asked again. */
  enter(incarnation: string, pid: number): void {
    if (this.#isRefused) return;
    this.#removeEmptied();
    try {
      const directory = this.#make();
      this.#taken.set(incarnation, directory);
      enterBelow(directory, pid);
    } catch (error) {
      this.#isRefused = refusals.has(errnoOf(error));
    }
  }

  /** The group of a child; null when it has none, or nobody is left in it. */
  of(incarnation: string): Cgroup | null {
    const directory = this.directoryOf(incarnation);
    return directory === null ? null : cgroupIn(directory);
  }

  /** Where that group is. */
  directoryOf(incarnation: string): string | null {
    return this.#taken.get(incarnation) ?? null;
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

  /** Looks at two of those that were made longest ago; who is not empty is the last in turn. */
  #removeEmptied(): void {
    for (const [incarnation, directory] of this.#taken.entries().take(looksPerEntry).toArray()) {
      this.#taken.delete(incarnation);
      if (isPopulated(directory)) this.#taken.set(incarnation, directory);
      else removeEmpty(directory);
    }
  }
}

/** The group in a directory, also one that is gone. */
export function cgroupIn(directory: string): Cgroup {
  return {
    pids: () => pidsBelow(directory),
    kill() {
      killAllIn(directory);
    },
  };
}

/** With two no more empty groups wait to be removed than are in use. */
const looksPerEntry = 2;

const refusals = new Set<string | undefined>(['EACCES', 'EPERM', 'EROFS', 'ENOSPC']);

/** Whoever it has forked by now comes too; those forked later are born there. */
function enterBelow(directory: string, pid: number): void {
  writeFileSync(path.join(directory, 'cgroup.procs'), String(pid));
  for (const child of childrenOf(pid)) {
    try {
      enterBelow(directory, child);
    } catch {
      // It has ended meanwhile.
    }
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** From below, as far as nobody is in them. Mostly there is nothing below. */
export function removeEmpty(directory: string): void {
  if (isRemoved(directory)) return;
  for (const child of directoriesIn(directory)) removeEmpty(child);
  isRemoved(directory);
}

/** The same for the group of a child and the one that this was made in, without its others. */
export function removeEmptyWithBase(directory: string): void {
  removeEmpty(directory);
  isRemoved(path.dirname(directory));
}

/** False when somebody is still in it, or something below it. */
function isRemoved(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    return errnoOf(error) === 'ENOENT';
  }
}

function isPopulated(directory: string): boolean {
  try {
    return readFileSync(path.join(directory, 'cgroup.events'), 'utf8').includes('populated 1');
  } catch {
    return false;
  }
}

function pidsBelow(directory: string): readonly number[] {
  try {
    const text = readFileSync(path.join(directory, 'cgroup.procs'), 'utf8');
    // 0 is somebody of another pid namespace, whom we cannot name.
    const own = text
      .split('\n')
      .map(Number)
      .filter((pid) => pid > 0);
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
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => path.join(directory, name));
  } catch {
    return [];
  }
}
