import { existsSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Ending } from '../../../src/process/tree/ending.ts';
import { hostCgroups } from '../../../src/process/tree/host-cgroups.ts';
import type { ProcessIdentity } from '../../../src/process/tree/identity.ts';
import { identify } from '../../../src/process/tree/identity.ts';
import { ProcessTable } from '../../../src/process/tree/process-table.ts';
import { eventually } from '../../support/eventually.ts';
import { isAlive, killQuietly, printedNumbers, start, startScript, stateOf } from './children.ts';
import type { Orphan } from './orphans.ts';
import { startOrphan } from './orphans.ts';

const patient = { signal: 'SIGTERM', graceMs: 3_600_000 };
const impatient = { signal: 'SIGTERM', graceMs: 50 };

const ignoring = (what: string): string =>
  `${what} sh -c "trap \\"\\" TERM; echo $$ \\$\\$; sleep 60; :" &`;

function alive({ remains, printed }: Orphan): readonly number[] {
  return [remains.pid, ...printed].filter(isAlive);
}

/** A marker is there until `env` becomes the program. */
async function untilUnmarked({ printed }: Orphan): Promise<void> {
  const table = new ProcessTable();
  await eventually(
    async () => (await table.read())?.find(({ pid }) => pid === printed[0])?.marker,
    (marker) => marker === null,
  );
}

describe.each([
  ['by cgroup where the host has them', (remains: ProcessIdentity) => remains],
  ['by number and marker', (remains: ProcessIdentity) => ({ ...remains, cgroup: null })],
])('what a service leaves that is gone, found %s, is ended', (_means, known) => {
  it.each([
    ['alone', 'echo $$; exec sleep 60'],
    ['with its group', 'sleep 60 & echo $$ $!; wait'],
    ['with a member of its group without the marker', 'env -i sleep 60 & echo $$ $!; wait'],
    ['with a descendant in a session of its own', 'setsid sleep 60 & echo $$ $!; wait'],
    ['stopped', 'echo $$; kill -STOP $$'],
    ['though only a descendant is left', 'sleep 60 & echo $$ $!'],
  ])('%s, without waiting longer than it takes', async (_fact, script) => {
    const orphan = await startOrphan(script);
    const ending = new Ending({ ...orphan, remains: known(orphan.remains) });
    expect(await ending.request(patient)).toEqual([]);
    expect(alive(orphan)).toEqual([]);
  });

  it.each([
    ['the child', 'trap "" TERM; echo $$; sleep 60; :'],
    ['a descendant in a session of its own', `${ignoring('setsid')} wait`],
    ['a member of the group without the marker', `${ignoring('env -i')} wait`],
  ])('after the grace when %s ignores the signal', async (_fact, script) => {
    const orphan = await startOrphan(script);
    const ending = new Ending({ ...orphan, remains: known(orphan.remains) });
    expect(await ending.request(impatient)).toEqual([]);
    expect(alive(orphan)).toEqual([]);
  });

  it('while it forks away all the time, each into a session of its own', async () => {
    const fork = 'trap "" TERM; sleep 0.003; setsid sh -c "$FORK" & exit 0';
    const forks = `export FORK='${fork}'; for i in 1 2 3; do setsid sh -c "$FORK" & done`;
    const script = `${forks}; echo $$; exec sleep 60`;
    const { incarnation, remains } = await startOrphan(script);
    const ending = new Ending({ incarnation, remains: known(remains) });
    expect(await ending.request(impatient)).toEqual([]);
    const table = await new ProcessTable().read();
    expect(table?.filter(({ marker }) => marker === incarnation)).toEqual([]);
  });

  it('at once, as far as nobody has to be looked for', async () => {
    const orphan = await startOrphan('sleep 60 & echo $$ $!; wait');
    new Ending({ ...orphan, remains: known(orphan.remains) }).killNow();
    await eventually(
      () => alive(orphan),
      (pids) => pids.length === 0,
    );
  });
});

describe('what a service leaves that is gone', () => {
  it('is asked as a group first, and who left that after the child has ended', async () => {
    const escape = 'setsid sh -c "echo $$ \\$\\$; exec sleep 60" &';
    const script = `trap "sleep 0.2; exit" TERM; ${escape} sleep 60 & wait`;
    const orphan = await startOrphan(script);
    const [escaped = 0] = orphan.printed;
    const ended = new Ending(orphan).request(patient);
    await eventually(
      () => alive(orphan),
      (pids) => pids.length < 2,
    );
    expect(alive(orphan)).toEqual([escaped]);
    expect(await ended).toEqual([]);
    expect(alive(orphan)).toEqual([]);
  });

  it('is known by who was seen in its group while another proved that', async () => {
    const unmarked = 'env -i sh -c "trap \\"\\" TERM; echo $$ \\$\\$ $!; sleep 60; :"';
    const orphan = await startOrphan(`sleep 60 & ${unmarked} & exit 0`);
    await untilUnmarked(orphan);
    const remains = { ...orphan.remains, cgroup: null };
    expect(await new Ending({ ...orphan, remains }).request(impatient)).toEqual([]);
    expect(alive(orphan)).toEqual([]);
  });

  it('has the group of a child that nobody has reaped', async () => {
    const leader = 'setsid sh -c "env -i sleep 60 & echo \\$\\$ \\$!; sleep 0.1" & exec sleep 60';
    const parent = await startScript(leader);
    const [pid = 0, member = 0] = await printedNumbers(parent);
    await eventually(
      () => stateOf(pid),
      (state) => state === 'Z',
    );
    const remains = identify('none', pid);
    expect(remains.start_ticks).not.toBeNull();
    expect(await new Ending({ incarnation: 'none', remains }).request(patient)).toEqual([]);
    expect([isAlive(member), isAlive(parent.pid)]).toEqual([false, true]);
  });

  it('is ended by marker when the service died while it started it', async () => {
    const tree = 'setsid sleep 60 & echo $$ $!; wait';
    const orphans = await Promise.all([startOrphan(tree), startOrphan(tree)]);
    const ended = orphans.map(({ incarnation }) =>
      new Ending({ incarnation, remains: null }).request({ signal: 'SIGKILL', graceMs: 0 }),
    );
    expect(await Promise.all(ended)).toEqual([[], []]);
    expect(orphans.map(alive)).toEqual([[], []]);
  });

  it('is ended by marker alone after another boot', async () => {
    const orphan = await startOrphan('env -i sleep 60 & echo $$ $!; wait');
    await untilUnmarked(orphan);
    const remains = { ...orphan.remains, boot_id: 'another' };
    expect(await new Ending({ ...orphan, remains }).request(impatient)).toEqual([]);
    expect(alive(orphan)).toEqual(orphan.printed);
  });

  it('is ended where it has left group, session and marker only if the host has cgroups', async () => {
    const orphan = await startOrphan('env -i setsid sleep 60 & echo $$ $!; wait');
    await untilUnmarked(orphan);
    expect(await new Ending(orphan).request(impatient)).toEqual([]);
    expect(alive(orphan)).toEqual(hostCgroups() === null ? orphan.printed : []);
  });

  it('costs one or two scans of the process table for a thousand that are gone', async () => {
    const table = new ProcessTable();
    const scans = new Set<unknown>();
    const counting = {
      each: table.each.bind(table),
      read: () => {
        const scan = table.read();
        scans.add(scan);
        return scan;
      },
    };
    const { remains } = await startOrphan('echo $$; exec sleep 60');
    const endings = Array.from({ length: 1000 }, (_, index) => ({
      incarnation: crypto.randomUUID(),
      remains: { ...remains, start_ticks: index, cgroup: `/sys/fs/cgroup/procession-1-x/${index}` },
      table: counting,
    }));
    const began = performance.now();
    const left = await Promise.all(endings.map((one) => new Ending(one).request(patient)));
    expect(performance.now() - began).toBeLessThan(5_000);
    expect([left.flat(), isAlive(remains.pid)]).toEqual([[], true]);
    expect(scans.size).toBeLessThanOrEqual(2);
  });
});

/** A service that starts a child, tells who that is, and dies. */
const service = `
  const { spawn } = await import('node:child_process');
  const source = ${JSON.stringify(new URL('../../../src/process/tree/', import.meta.url).href)};
  const { hostCgroups } = await import(source + 'host-cgroups.ts');
  const { identify } = await import(source + 'identity.ts');
  const script = 'env -i setsid sleep 60 & sleep 60';
  const { pid } = spawn('sh', ['-c', script], { detached: true, stdio: 'ignore' });
  hostCgroups()?.enter('dead', pid);
  process.stdout.write(JSON.stringify(identify('dead', pid)), () => process.kill(process.pid, 'SIGKILL'));
`;

describe('the cgroup of a service that was killed', () => {
  it('is there until what it has left is ended, and then no more', async () => {
    const child = await start([process.execPath, '-e', service]);
    const text = await buffer(child.stdout);
    const remains = JSON.parse(text.toString()) as ProcessIdentity;
    expect(isAlive(remains.pid)).toBe(true);
    const base = remains.cgroup === null ? null : path.dirname(remains.cgroup);
    expect(base === null || existsSync(base)).toBe(true);
    expect(await new Ending({ incarnation: 'dead', remains }).request(impatient)).toEqual([]);
    expect(isAlive(remains.pid)).toBe(false);
    expect(base !== null && existsSync(base)).toBe(false);
    killQuietly(-remains.pid);
  });
});
