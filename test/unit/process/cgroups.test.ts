import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Cgroups } from '../../../src/process/cgroups.ts';

/** A directory in which files are what the kernel would show. */
function parent(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'procession-cgroups-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  mkdirSync(base(directory));
  writeFileSync(path.join(base(directory), 'cgroup.kill'), '');
  return directory;
}

function base(directory: string): string {
  return path.join(directory, `procession-${process.pid}`);
}

/** Plays the kernel: says who is in the n-th group. */
function populate(directory: string, group: number, pids: readonly number[]): void {
  const files = path.join(base(directory), String(group));
  writeFileSync(path.join(files, 'cgroup.procs'), pids.map((pid) => `${pid}\n`).join(''));
  writeFileSync(path.join(files, 'cgroup.events'), `populated ${pids.length > 0 ? 1 : 0}\n`);
}

describe('the cgroups of a service', () => {
  it('are refused where the kernel cannot kill a group', () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'procession-cgroups-'));
    onTestFinished(() => {
      rmSync(directory, { recursive: true });
    });
    expect(() => new Cgroups(directory)).toThrow('cgroup.kill');
  });

  it('have one for each child, with whoever is in it or in those below', () => {
    const directory = parent();
    const cgroups = new Cgroups(directory);
    cgroups.enter('a', 11);
    populate(directory, 1, [11, 12]);
    cgroups.enter('b', 21);
    populate(directory, 2, [21]);
    mkdirSync(path.join(base(directory), '2', 'inner'));
    writeFileSync(path.join(base(directory), '2', 'inner', 'cgroup.procs'), '22\n');
    expect([cgroups.of('a')?.pids(), cgroups.of('b')?.pids()]).toEqual([
      [11, 12],
      [21, 22],
    ]);
    expect(cgroups.of('c')).toBeNull();
  });

  it('are used again when nobody is left in them, and not before', () => {
    const directory = parent();
    const cgroups = new Cgroups(directory);
    cgroups.enter('a', 11);
    populate(directory, 1, [11]);
    cgroups.enter('b', 21);
    populate(directory, 2, [21]);
    populate(directory, 1, []);
    cgroups.enter('c', 31);
    expect(cgroups.of('a')).toBeNull();
    populate(directory, 1, [31]);
    expect(cgroups.of('c')?.pids()).toEqual([31]);
    expect(cgroups.of('b')?.pids()).toEqual([21]);
    expect(readdirSync(base(directory)).toSorted()).toEqual(['1', '2', 'cgroup.kill']);
  });

  it('are not asked again by a host that refuses', () => {
    const directory = parent();
    const cgroups = new Cgroups(directory);
    rmSync(base(directory), { recursive: true });
    writeFileSync(base(directory), '');
    cgroups.enter('a', 11);
    rmSync(base(directory));
    mkdirSync(base(directory));
    cgroups.enter('b', 21);
    expect(readdirSync(base(directory))).toEqual([]);
  });

  it('of a service that is gone are removed by the next', () => {
    const directory = parent();
    const nobody = path.join(directory, `procession-${2 ** 22 + 1}`);
    mkdirSync(path.join(nobody, '1', 'inner'), { recursive: true });
    const other = path.join(directory, 'other');
    const init = path.join(directory, 'procession-1');
    mkdirSync(other);
    mkdirSync(init);
    expect(() => new Cgroups(directory)).not.toThrow();
    expect([nobody, other, init].map((name) => existsSync(name))).toEqual([false, true, true]);
  });

  it('are removed at the close', () => {
    const directory = parent();
    const cgroups = new Cgroups(directory);
    rmSync(path.join(base(directory), 'cgroup.kill'));
    mkdirSync(path.join(base(directory), '7'));
    cgroups.close();
    expect(existsSync(base(directory))).toBe(false);
  });
});
