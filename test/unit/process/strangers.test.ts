import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Mock } from 'vitest';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Ending } from '../../../src/process/tree/ending.ts';
import { markerVariable } from '../../../src/process/environment.ts';
import type { ProcessIdentity } from '../../../src/process/tree/identity.ts';
import { identify, thisBoot } from '../../../src/process/tree/identity.ts';
import { ProcessTable, statOf } from '../../../src/process/tree/process-table.ts';
import { eventually } from '../../support/eventually.ts';
import { isAlive, printedNumbers, startScript, stateOf } from './children.ts';
import { startOrphan } from './orphans.ts';
import { tableOf } from './table-of.ts';

/** Above what any Linux host gives out. */
const nobody = 2 ** 22 + 1;

/** Does no harm, should it reach us. */
const harmless = { signal: 'SIGCONT', graceMs: 3_600_000 };
const atOnce = { signal: 'SIGKILL', graceMs: 0 };

/** The bare minimum of the kernel's files for a group of a service that is gone. */
function fakeCgroup(pids: readonly number[], base = 'procession-1-abc'): string {
  const parent = mkdtempSync(path.join(tmpdir(), 'remains-'));
  onTestFinished(() => {
    rmSync(parent, { recursive: true, force: true });
  });
  const directory = path.join(parent, base, '1');
  mkdirSync(directory, { recursive: true });
  writeFileSync(path.join(directory, 'cgroup.procs'), pids.map((pid) => `${pid}\n`).join(''));
  return directory;
}

/** Instead of every signal. */
function spyOnKill(): Mock<typeof process.kill> {
  const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
  onTestFinished(() => {
    kill.mockRestore();
  });
  return kill;
}

function isKilled(cgroup: string): boolean {
  return existsSync(path.join(cgroup, 'cgroup.kill'));
}

const [, namespace = ''] = (thisBoot() ?? '').split('/');

describe('a stranger with the number of what a dead service has left', () => {
  it.each<[string, (real: ProcessIdentity) => Partial<ProcessIdentity>]>([
    ['was started later', (real) => ({ start_ticks: (real.start_ticks ?? 0) - 1 })],
    ['was started before', (real) => ({ start_ticks: (real.start_ticks ?? 0) + 1 })],
    ['is of another boot', () => ({ boot_id: `${crypto.randomUUID()}/${namespace}` })],
    [
      'is of another pid namespace',
      (real) => ({ boot_id: `${(real.boot_id ?? '').split('/').slice(0, 1).join()}/pid:[1]` }),
    ],
    ['may be one, since the start is not known', () => ({ start_ticks: null })],
    ['may be one, since the boot is not known', () => ({ boot_id: null })],
  ])('gets no signal when it %s', async (_fact, changes) => {
    const stranger = await startScript('sleep 60 & setsid sleep 60 & echo $! $$; wait');
    const [escaped = 0, pid = 0] = await printedNumbers(stranger);
    const real = identify(stranger.incarnation, pid);
    const ending = new Ending({ incarnation: 'another', remains: { ...real, ...changes(real) } });
    ending.killNow();
    expect(await ending.request({ signal: 'SIGTERM', graceMs: 30 })).toEqual([]);
    expect([pid, escaped].filter(isAlive)).toEqual([pid, escaped]);
  });

  it('gets no signal though it has come into the group since a member was found', async () => {
    const stranger = await startScript('exec sleep 60');
    const { pid } = stranger;
    const found = { pid, group: pid, session: pid, startTicks: 1, marker: 'ours' };
    const remains = { ...identify('ours', pid), start_ticks: 1 };
    const table = tableOf([found]);
    const ending = new Ending({ incarnation: 'ours', remains, table, survivorsAfterMs: 20 });
    expect(await ending.request(atOnce)).toEqual([pid]);
    expect(isAlive(pid)).toBe(true);
  });

  it('gets no signal though a member was in a group of that number a moment ago', async () => {
    const children = await Promise.all([startScript('sleep 60'), startScript('sleep 60')]);
    const [{ pid: member }, { pid }] = children;
    const startTicks = statOf(member)?.startTicks ?? 0;
    const table = tableOf([{ pid: member, group: pid, session: pid, startTicks, marker: 'ours' }]);
    const remains = { ...identify('ours', pid), start_ticks: 1 };
    const ending = new Ending({ incarnation: 'ours', remains, table, survivorsAfterMs: 20 });
    expect(await ending.request(atOnce)).toEqual([member]);
    expect(isAlive(pid)).toBe(true);
  });

  it.each([-1, 0, 1, Number.NaN])('gets no signal when the number is %s, of many', async (pid) => {
    const kill = spyOnKill();
    const table = tableOf([{ pid: 1, group: 1, session: 1, startTicks: 0, marker: 'ours' }]);
    const remains = { ...identify('ours', 1), pid };
    const ending = new Ending({ incarnation: 'ours', remains, table, survivorsAfterMs: 20 });
    ending.killNow();
    expect(await ending.request(atOnce)).toEqual([1]);
    expect(kill).not.toHaveBeenCalled();
  });

  it('gets no signal where no process can be looked at', async () => {
    const stranger = await startScript('exec sleep 60');
    const { pid, incarnation } = stranger;
    const remains = { pid, start_ticks: null, boot_id: null, cgroup: null };
    const table = tableOf(null);
    expect(await new Ending({ incarnation, remains, table }).request(atOnce)).toEqual([]);
    expect(await new Ending({ incarnation, remains: null, table }).request(atOnce)).toEqual([]);
    expect(await new Ending({ ...stranger, exit: null, table }).request(atOnce)).toEqual([]);
    expect(isAlive(pid)).toBe(true);
  });
});

describe('the cgroup of what a dead service has left', () => {
  it('is killed, with whoever is in it', async () => {
    const { pid } = await startScript('exec sleep 60');
    const cgroup = fakeCgroup([pid]);
    const remains = { ...identify('ours', pid), start_ticks: 1, cgroup };
    expect(await new Ending({ incarnation: 'ours', remains }).request(atOnce)).toEqual([]);
    expect([isAlive(pid), isKilled(cgroup)]).toEqual([false, true]);
  });

  it('shows that the session is still that of the child', async () => {
    const children = await Promise.all([startScript('sleep 60'), startScript('sleep 60')]);
    const [{ pid }, { pid: other }] = children;
    const entries = [pid, other].map((one) => {
      const startTicks = statOf(one)?.startTicks ?? 0;
      return { pid: one, group: one, session: nobody, startTicks, marker: null };
    });
    const ending = new Ending({
      incarnation: 'ours',
      remains: { ...identify('ours', nobody), cgroup: fakeCgroup([pid]) },
      table: tableOf(entries),
      survivorsAfterMs: 20,
    });
    await ending.request(atOnce);
    expect([pid, other].filter(isAlive)).toEqual([]);
  });

  it('is removed with that of its service when nobody is left', async () => {
    const directory = fakeCgroup([]);
    rmSync(path.join(directory, 'cgroup.procs'));
    mkdirSync(path.join(directory, 'inner'));
    const remains = { ...identify('ours', nobody), start_ticks: 1, cgroup: directory };
    // A fake group that was killed holds a file, so it could not be removed.
    const request = { signal: 'SIGTERM', graceMs: 3_600_000 };
    expect(await new Ending({ incarnation: 'ours', remains }).request(request)).toEqual([]);
    expect(readdirSync(path.dirname(path.dirname(directory)))).toEqual([]);
  });

  it.each([
    ['is of another boot', { boot_id: 'another' }, 'procession-1-abc'],
    ['has not the name of one', {}, 'user.slice'],
  ])('is left alone when it %s', async (_fact, changes, base) => {
    const { pid } = await startScript('exec sleep 60');
    const cgroup = fakeCgroup([pid], base);
    const remains = { ...identify('ours', pid), start_ticks: 1, cgroup, ...changes };
    expect(await new Ending({ incarnation: 'ours', remains }).request(atOnce)).toEqual([]);
    expect([isAlive(pid), isKilled(cgroup)]).toEqual([true, false]);
  });
});

describe('a tree that we come from ourselves', () => {
  it('is left alone when we carry its marker', async () => {
    const orphan = await startOrphan('echo $$; exec sleep 60');
    vi.stubEnv(markerVariable, orphan.incarnation);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const ending = new Ending(orphan);
    ending.killNow();
    expect(await ending.request(harmless)).toEqual([orphan.remains.pid]);
    expect(isAlive(orphan.remains.pid)).toBe(true);
  });

  it('is left alone when we are in its cgroup', async () => {
    const { pid } = await startScript('exec sleep 60');
    const cgroup = fakeCgroup([process.pid, pid]);
    const remains = { ...identify('ours', pid), start_ticks: 1, cgroup };
    const ending = new Ending({ incarnation: 'ours', remains });
    ending.killNow();
    expect(await ending.request(harmless)).toContain(pid);
    expect([isAlive(pid), isKilled(cgroup)]).toEqual([true, false]);
  });

  it('is left alone when we are in its group', async () => {
    const kill = spyOnKill();
    const group = statOf(process.pid)?.group ?? 0;
    const remains = { ...identify('ours', group), cgroup: null };
    const ending = new Ending({ incarnation: 'ours', remains });
    ending.killNow();
    await ending.request(harmless);
    expect(kill).not.toHaveBeenCalled();
  });
});

describe('the identity of a process', () => {
  it('has its start, the boot and the pid namespace', async () => {
    const child = await startScript('echo 1; exec sleep 60');
    await printedNumbers(child);
    const { pid, incarnation } = child;
    const entry = (await new ProcessTable().read())?.find((one) => one.pid === pid);
    const identity = identify(incarnation, pid);
    expect(identity).toEqual({
      pid,
      start_ticks: entry?.startTicks,
      boot_id: expect.stringMatching(/^[-0-9a-f]{36}\/pid:\[\d+\]$/) as unknown,
      cgroup: null,
    });
  });

  it('has the start of a zombie', async () => {
    const child = await startScript('sleep 0.1 & echo $!; exec sleep 60');
    const [zombie = 0] = await printedNumbers(child);
    await eventually(
      () => stateOf(zombie),
      (state) => state === 'Z',
    );
    expect(identify('none', zombie).start_ticks).toBeGreaterThan(0);
  });

  it('has no start when the process is gone', () => {
    expect(identify('none', nobody)).toMatchObject({ start_ticks: null, cgroup: null });
  });
});
