import { describe, expect, it } from 'vitest';
import type { ProcessEntry } from '../../../src/process/tree/process-table.ts';
import { bootTicks, ProcessTable } from '../../../src/process/tree/process-table.ts';
import { ProcessTree } from '../../../src/process/tree/tree.ts';
import { isAlive, killQuietly, printedNumbers, startScript, stateOf } from './children.ts';
import { tableOf } from './table-of.ts';
import { eventually } from '../../support/eventually.ts';

/** Above what any Linux host gives out: a signal to it meets nobody. */
const nobody = 2 ** 22 + 1;

function entry(changes: Partial<ProcessEntry>): ProcessEntry {
  return { pid: 1, group: 1, session: 1, startTicks: 0, marker: null, ...changes };
}

function treeIn(
  entries: readonly ProcessEntry[] | null,
  exit: Promise<unknown> | null,
): ProcessTree {
  return new ProcessTree({
    pid: nobody,
    incarnation: 'ours',
    exit,
    table: tableOf(entries),
    cgroups: null,
  });
}

const running = new Promise(() => undefined);
const inGroup = entry({ pid: nobody + 1, group: nobody });
const inSession = entry({ pid: nobody + 2, group: nobody + 2, session: nobody });
const marked = entry({ pid: nobody + 3, marker: 'ours' });
const stranger = entry({ pid: nobody + 4, marker: 'theirs' });
const later = Number.MAX_SAFE_INTEGER;

describe('the tree of a child', () => {
  it('is its group, its session and all that carry its marker', async () => {
    const tree = treeIn([inGroup, inSession, marked, stranger], running);
    expect(await tree.find()).toEqual([inGroup.pid, inSession.pid, marked.pid]);
  });

  it('is only what carries the marker once the child was reaped long ago', async () => {
    const tree = treeIn([inGroup, inSession, marked], null);
    expect(tree.leader).toBeNull();
    expect(await tree.find()).toEqual([marked.pid]);
  });

  it.each([
    ['was started before the child was reaped', { startTicks: 0 }],
    ['carries the marker', { startTicks: later, marker: 'ours' }],
  ])('still is the group of a reaped child if a member %s', async (_fact, changes) => {
    const tree = treeIn(
      [
        { ...inGroup, ...changes },
        { ...inSession, startTicks: later },
      ],
      Promise.resolve(),
    );
    await tree.leaderReaped;
    expect(await tree.find()).toEqual([inGroup.pid, inSession.pid]);
  });

  it('is not the group that got the number of a reaped child later', async () => {
    const tree = treeIn([{ ...inGroup, startTicks: later }], Promise.resolve());
    await tree.leaderReaped;
    expect(await tree.find()).toEqual([]);
  });

  it('is the group alone on a host without a process table', async () => {
    expect(await treeIn(null, running).find()).toEqual([]);
    const child = await startScript('sleep 60');
    const tree = new ProcessTree({ ...child, table: tableOf(null), cgroups: null });
    expect(await tree.find()).toEqual([child.pid]);
  });

  it('gets a signal as a group while the child lives, and none as a group afterwards', async () => {
    const child = await startScript('sleep 60 & wait');
    const tree = new ProcessTree(child);
    expect(tree.signalGroup(9)).toBe(true);
    await tree.leaderReaped;
    expect(tree.leader).toBeNull();
    expect(tree.signalGroup(9)).toBe(false);
  });

  it('has whoever is in its cgroup and there, though nothing else tells', async () => {
    const { pid } = await startScript('exec sleep 60');
    const cgroup = { pids: () => [pid, nobody + 9], kill: () => undefined };
    const tree = new ProcessTree({
      pid: nobody,
      incarnation: 'ours',
      exit: null,
      table: tableOf([stranger]),
      cgroups: { of: (incarnation) => (incarnation === 'ours' ? cgroup : null) },
    });
    expect(await tree.find()).toEqual([pid]);
  });

  it('sends no signal to who has got the pid of a member since it was found', async () => {
    const child = await startScript('exec sleep 60');
    const found = entry({ pid: child.pid, startTicks: 1, marker: 'ours' });
    const tree = new ProcessTree({
      pid: nobody,
      incarnation: 'ours',
      exit: null,
      table: tableOf([found]),
      cgroups: null,
    });
    expect(await tree.signalAll([9])).toEqual([child.pid]);
    expect(isAlive(child.pid)).toBe(true);
  });

  it('refuses what is no signal', async () => {
    const child = await startScript('sleep 60');
    expect(() => new ProcessTree(child).signalGroup(999)).toThrow(/EINVAL/);
  });
});

describe('the process table', () => {
  it('shows group, session, marker and start of a process, and not ourselves', async () => {
    const before = bootTicks();
    const child = await startScript('echo ready; sleep 60');
    await printedNumbers(child);
    const table = await new ProcessTable().read();
    const entries = table?.filter(({ pid }) => pid === child.pid || pid === process.pid);
    const { pid, incarnation } = child;
    expect(entries).toEqual([
      {
        pid,
        group: pid,
        session: pid,
        startTicks: expect.any(Number) as unknown,
        marker: incarnation,
      },
    ]);
    expect(entries?.[0]?.startTicks).toBeGreaterThanOrEqual(before - 1);
    expect(entries?.[0]?.startTicks).toBeLessThanOrEqual(bootTicks());
  });

  it('shows the newest first where each is wanted at once', async () => {
    const pids: number[] = [];
    await new ProcessTable().each(({ pid }) => pids.push(pid));
    const first = pids.slice(0, 10);
    expect(first).toEqual(first.toSorted((one, other) => other - one));
  });

  it('does not show zombies', async () => {
    const child = await startScript('sleep 0.1 & echo $!; exec sleep 60');
    const [zombie = 0] = await printedNumbers(child);
    await eventually(
      () => stateOf(zombie),
      (state) => state === 'Z',
    );
    const table = await new ProcessTable().read();
    expect(table?.filter(({ pid }) => pid === zombie)).toEqual([]);
  });

  it('makes one scan for all who ask before it begins, and a new one for those after', async () => {
    const table = new ProcessTable();
    const [first, second] = [table.read(), table.read()];
    expect(second).toBe(first);
    await Promise.resolve();
    expect(table.read()).not.toBe(first);
    await first;
  });

  it('knows the marker of a process only while that has it', async () => {
    const child = await startScript('env -i sleep 60 & echo $!; wait');
    const [bare = 0] = await printedNumbers(child);
    const table = new ProcessTable();
    await eventually(
      async () => (await table.read())?.find(({ pid }) => pid === bare)?.marker,
      (marker) => marker === null,
    );
    killQuietly(bare);
  });
});
