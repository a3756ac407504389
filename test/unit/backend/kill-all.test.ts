import { expect, test } from 'vitest';
import { lineOf, reach, start, worldOf } from './fixtures.ts';

test('killing all kills the group of each process that has not exited, and waits for none', async () => {
  const world = worldOf();
  const { backend, host } = world;
  const processes = [];
  for (const process_id of ['a', 'b', 'c']) processes.push(await start(world, { process_id }));
  const [first, second, third] = host.children;
  if (first !== undefined) first.holdsPipes = true;
  first?.exitWith(0);
  if (processes[0] !== undefined) await reach(processes[0], 'exited');
  second?.ignored.add('SIGTERM');
  backend.killAll();
  expect([first, second, third].map((child) => child?.signals)).toEqual([
    [],
    ['-SIGKILL'],
    ['-SIGKILL'],
  ]);
  first?.closePipes();
  expect(await Promise.all(processes.map(lineOf))).toEqual([
    'exited:0:exited closed',
    'exited:SIGKILL:signaled closed',
    'exited:SIGKILL:signaled closed',
  ]);
});

test('killing all of nothing does nothing', () => {
  const { backend } = worldOf();
  backend.killAll();
  expect(backend.runningCount).toBe(0);
});
