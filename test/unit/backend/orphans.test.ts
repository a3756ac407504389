import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Leftovers, ProcessRecord } from '../../../src/engine/engine.ts';
import { Orphans } from '../../../src/backend/orphans.ts';
import { identify } from '../../../src/process/tree/identity.ts';
import { recordOf } from '../replica/fixtures.ts';
import { MemoryEngine } from '../replica/memory-engine.ts';

interface Left {
  readonly engine: MemoryEngine;
  readonly logged: unknown[];
  readonly orphans: Orphans;
}

function leftBy(orphaned: readonly ProcessRecord[], starts: Leftovers['starts'] = []): Left {
  const engine = new MemoryEngine();
  engine.left = { orphaned, starts };
  const logged: unknown[] = [];
  const log = {
    info: (fields: object, message: string) => logged.push([message, fields]),
    error: (fields: object, message: string) => logged.push([message, fields]),
  };
  return { engine, logged, orphans: new Orphans({ engine, log }) };
}

/** A process of its own session as a service leaves one; resolves with how it ended. */
async function left(
  script: string,
  grace_ms = 5000,
): Promise<{ readonly record: ProcessRecord; readonly ended: Promise<unknown> }> {
  const incarnation = Math.random().toString(16).slice(2).padEnd(32, '0').slice(0, 32);
  const child = spawn('/bin/sh', ['-c', `${script}; echo ready; while :; do sleep 1; done`], {
    detached: true,
    env: { PATH: '/usr/bin:/bin', PROCESS_TREE_ID: incarnation },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const ended = once(child, 'exit').then(([code, signal]: unknown[]) => signal ?? code);
  await once(child.stdout, 'data');
  const { pid = 0 } = child;
  const record = recordOf({ ...identify(incarnation, pid), incarnation, grace_ms });
  return { record, ended };
}

describe('what a dead service has left', () => {
  test('is asked to end, and is settled when it has ended', async () => {
    const { record, ended } = await left(`trap 'exit 7' TERM`);
    const { engine, orphans } = leftBy([record]);
    await orphans.begin('terminate');
    expect(await ended).toBe(7);
    await orphans.close(5000);
    expect(engine.settled).toEqual(['p']);
  });

  test('is killed after its grace', async () => {
    const { record, ended } = await left(`trap '' TERM`, 50);
    const { engine, orphans } = leftBy([record]);
    await orphans.begin('terminate');
    expect(await ended).toBe('SIGKILL');
    await orphans.close(5000);
    expect(engine.settled).toEqual(['p']);
  });

  test('is killed at once when the service stops meanwhile', async () => {
    const { record, ended } = await left(`trap '' TERM`, 1_000_000);
    const { engine, orphans } = leftBy([record]);
    await orphans.begin('terminate');
    await orphans.close(5000);
    expect([await ended, engine.settled]).toEqual(['SIGKILL', ['p']]);
  });

  test('is left if that is the policy', async () => {
    const { record } = await left('true');
    const { engine, logged, orphans } = leftBy(
      [record],
      [{ process_id: 'q', incarnation: 'feed' }],
    );
    await orphans.begin('leave');
    await orphans.close(0);
    expect(process.kill(record.pid, 0)).toBe(true);
    expect([engine.settled, engine.count('release')]).toEqual([['p'], 1]);
    expect(logged).toEqual([['orphans left', { processes: 1 }]]);
  });

  test.each(['terminate', 'leave'] as const)(
    'of a start that nobody was told of is killed whatever the policy: %s',
    async (policy) => {
      const { record, ended } = await left(`trap 'exit 7' TERM`);
      const { engine, orphans } = leftBy([], [record]);
      await orphans.begin(policy);
      expect([await ended, engine.count('release')]).toEqual(['SIGKILL', 1]);
    },
  );

  test('is looked for again when the store does not take its end', async () => {
    const { record, ended } = await left(`trap 'exit 7' TERM`);
    const { engine, logged, orphans } = leftBy([record]);
    const err = new Error('locked');
    engine.before = (operation) => operation === 'settle' && Promise.reject(err);
    await orphans.begin('terminate');
    await ended;
    await orphans.close(5000);
    expect([engine.settled, logged]).toEqual([
      [],
      [['the end of orphans was not recorded', { process_id: 'p', err }]],
    ]);
  });

  test('is nothing mostly', async () => {
    const { engine, logged, orphans } = leftBy([]);
    await orphans.begin('terminate');
    await orphans.close(0);
    expect([engine.settled, logged]).toEqual([[], []]);
  });

  test('is somebody else when the number is his by now', async () => {
    const { record } = await left('true');
    const { engine, orphans } = leftBy([
      { ...record, incarnation: 'ab'.repeat(16), start_ticks: (record.start_ticks ?? 0) - 1 },
    ]);
    await orphans.begin('terminate');
    await orphans.close(5000);
    expect(process.kill(record.pid, 0)).toBe(true);
    expect(engine.settled).toEqual(['p']);
  });
});
