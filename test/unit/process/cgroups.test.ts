import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Cgroups } from '../../../src/process/tree/cgroups.ts';
import { makeBase } from '../../../src/process/tree/host-cgroups.ts';

/** A directory in which files are what the kernel would show. */
function directoryOf(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'procession-cgroups-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

/** Plays the kernel: says who is in the n-th group. */
function populate(directory: string, group: number, pids: readonly number[]): void {
  const files = path.join(directory, String(group));
  writeFileSync(path.join(files, 'cgroup.procs'), pids.map((pid) => `${pid}\n`).join(''));
  writeFileSync(path.join(files, 'cgroup.events'), `populated ${pids.length > 0 ? 1 : 0}\n`);
}

describe('the cgroups of a service', () => {
  it('are refused where the kernel cannot kill a group, and leave nothing', () => {
    const directory = directoryOf();
    expect(() => makeBase(directory)).toThrow('cgroup.kill');
    expect(readdirSync(directory)).toEqual([]);
  });

  it('have one for each child, with whoever is in it or in those below', () => {
    const directory = directoryOf();
    const cgroups = new Cgroups(directory);
    cgroups.enter('a', 11);
    populate(directory, 1, [11, 12]);
    cgroups.enter('b', 21);
    populate(directory, 2, [21]);
    mkdirSync(path.join(directory, '2', 'inner'));
    writeFileSync(path.join(directory, '2', 'inner', 'cgroup.procs'), '22\n');
    expect([cgroups.of('a')?.pids(), cgroups.of('b')?.pids()]).toEqual([
      [11, 12],
      [21, 22],
    ]);
    expect(cgroups.of('c')).toBeNull();
    expect([cgroups.directoryOf('b'), cgroups.directoryOf('c')]).toEqual([
      path.join(directory, '2'),
      null,
    ]);
  });

  it('are given up when nobody is left in them, and not before', () => {
    const directory = directoryOf();
    const cgroups = new Cgroups(directory);
    cgroups.enter('a', 11);
    populate(directory, 1, [11]);
    cgroups.enter('b', 21);
    populate(directory, 2, [21]);
    populate(directory, 1, []);
    cgroups.enter('c', 31);
    expect(cgroups.of('a')).toBeNull();
    expect(cgroups.of('b')?.pids()).toEqual([21]);
    expect(readdirSync(directory).toSorted()).toEqual(['1', '2', '3']);
  });

  it('do not name who is of another pid namespace', () => {
    const directory = directoryOf();
    const cgroups = new Cgroups(directory);
    cgroups.enter('a', 11);
    populate(directory, 1, [0, 11]);
    expect(cgroups.of('a')?.pids()).toEqual([11]);
  });

  it('that are gone are killed without a fault', () => {
    const directory = directoryOf();
    const cgroups = new Cgroups(directory);
    cgroups.enter('a', 11);
    const cgroup = cgroups.of('a');
    rmSync(directory, { recursive: true });
    expect(() => {
      cgroup?.kill();
    }).not.toThrow();
    expect(cgroup?.pids()).toEqual([]);
  });

  it('of a service that is gone are removed by the next', () => {
    const directory = directoryOf();
    const nobody = path.join(directory, `procession-${2 ** 22 + 1}-abc`);
    mkdirSync(path.join(nobody, '1', 'inner'), { recursive: true });
    const other = path.join(directory, 'other');
    const init = path.join(directory, 'procession-1');
    mkdirSync(other);
    mkdirSync(init);
    expect(() => makeBase(directory)).toThrow();
    expect([nobody, other, init].map((name) => existsSync(name))).toEqual([false, true, true]);
  });

  it.each([2 ** 22 + 1, process.pid])(
    'of a service that is gone, with the pid %i, are left while somebody is in them',
    (pid) => {
      const directory = directoryOf();
      const group = path.join(directory, `procession-${pid}-abc`, '1');
      mkdirSync(group, { recursive: true });
      // The kernel refuses to remove it, as it does here for the file.
      writeFileSync(path.join(group, 'cgroup.procs'), '11\n');
      expect(() => makeBase(directory)).toThrow();
      expect(existsSync(group)).toBe(true);
      rmSync(path.join(group, 'cgroup.procs'));
      expect(() => makeBase(directory)).toThrow();
      expect(readdirSync(directory)).toEqual([]);
    },
  );

  it('are removed at the close', () => {
    const directory = directoryOf();
    const cgroups = new Cgroups(directory);
    mkdirSync(path.join(directory, '7'));
    cgroups.close();
    expect(existsSync(directory)).toBe(false);
  });
});
