import { describe, expect, it } from 'vitest';
import { hostCgroups } from '../../../src/process/tree/host-cgroups.ts';
import { Ending } from '../../../src/process/tree/ending.ts';
import { ProcessTable } from '../../../src/process/tree/process-table.ts';
import { eventually } from '../../support/eventually.ts';
import type { StartedChild } from './children.ts';
import { isAlive, killQuietly, printedNumbers, request, start, stateOf } from './children.ts';

/** Starts a script in its cgroup, as a launch does. */
async function startInCgroup(script: string, env: object = {}): Promise<StartedChild> {
  const asked = request(['sh', '-c', script]);
  const child = await start(asked.argv, { ...asked, env: { ...asked.env, ...env } });
  hostCgroups()?.enter(asked.incarnation, child.pid);
  return { ...child, incarnation: asked.incarnation };
}

/** Who still carries the marker of a child. */
async function marked({ incarnation }: StartedChild): Promise<readonly number[]> {
  const table = await new ProcessTable().read();
  return (table ?? []).filter(({ marker }) => marker === incarnation).map(({ pid }) => pid);
}

const impatient = { signal: 'SIGTERM', graceMs: 50 };

describe.each([
  ['by cgroup where the host has them', {}],
  ['by group, session and marker', { cgroups: null }],
])('the whole tree, found %s, ends', (_means, means) => {
  it.each([
    ['double-forked', 'sh -c "setsid sleep 60 & echo $!; wait" & wait'],
    ['in a session of its own', 'setsid sh -c "echo \\$\\$; exec sleep 60" & wait'],
    ['stopped', 'sh -c "echo \\$\\$; kill -STOP \\$\\$" & wait'],
    ['ignoring SIGTERM and SIGHUP', 'sh -c "trap \'\' TERM HUP; echo \\$\\$; sleep 60; :" & wait'],
    ['left by its parent', 'sh -c "trap \'\' TERM; echo \\$\\$; sleep 60; :" & exit 0'],
  ])('with a descendant %s', async (_fact, script) => {
    const child = await startInCgroup(script);
    const [descendant = 0] = await printedNumbers(child);
    expect(await new Ending({ ...child, ...means }).request(impatient)).toEqual([]);
    expect(isAlive(descendant)).toBe(false);
    expect(await marked(child)).toEqual([]);
  });

  it('while it forks away all the time, each into a session of its own', async () => {
    const FORK = `trap "" TERM; sleep 0.003; setsid sh -c "$FORK" & exit 0`;
    const script = 'echo 1; for i in 1 2 3; do setsid sh -c "$FORK" & done; exec sleep 60';
    const child = await startInCgroup(script, { FORK });
    await printedNumbers(child);
    await eventually(
      () => marked(child),
      (pids) => pids.length > 1,
    );
    expect(await new Ending({ ...child, ...means }).request(impatient)).toEqual([]);
    expect(await marked(child)).toEqual([]);
  });
});

describe('a descendant that has left group, session and marker', () => {
  it('is ended where the host has cgroups, and only there', async () => {
    const child = await startInCgroup('env -i setsid sleep 60 & echo $!; wait');
    const [escaped = 0] = await printedNumbers(child);
    await eventually(
      () => marked(child),
      (pids) => !pids.includes(escaped),
    );
    expect(await new Ending(child).request(impatient)).toEqual([]);
    const isEnded = hostCgroups() !== null;
    await eventually(
      () => isAlive(escaped),
      (alive) => alive !== isEnded,
    );
    killQuietly(escaped);
  });
});

describe('an ended tree', () => {
  it('leaves no zombie', async () => {
    const child = await startInCgroup('sleep 60 & setsid sleep 60 & echo $$; wait');
    await printedNumbers(child);
    await new Ending(child).request(impatient);
    expect(stateOf(child.pid)).toBeNull();
  });
});
