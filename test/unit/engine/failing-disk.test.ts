import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Engine } from '../../../src/engine/engine.ts';
import type { Disk } from '../../../src/engine/files/disk.ts';
import { hostDisk } from '../../../src/engine/files/disk.ts';
import type { FsyncPolicy } from '../../../src/engine/files/durability.ts';
import { openFilesEngine } from '../../../src/engine/files/engine.ts';
import type { Fault } from './faulty-disk.ts';
import { faultyDisk } from './faulty-disk.ts';
import { openFiles, temporaryDirectory } from './fixtures.ts';
import type { Confirmed, Step } from './scripted-session.ts';
import {
  nothingConfirmed,
  requireConfirmed,
  requireWhole,
  session,
  sessionBounds,
} from './scripted-session.ts';

interface Place {
  readonly dir: string;
  readonly disk: Disk;
  readonly fsync: FsyncPolicy;
}

function open({ dir, disk, fsync }: Place): Engine {
  return openFilesEngine({ dir, disk, fsync, now: () => 1_000, ...sessionBounds });
}

interface Outcome {
  readonly refusals: number;
  /** What was confirmed when the first call was refused. */
  readonly before: Confirmed | null;
}

/** Makes each call of the session until it is accepted. */
async function run(engine: Engine, onRefused: (refusals: number) => void): Promise<Outcome> {
  const confirmed = nothingConfirmed();
  let before: Confirmed | null = null;
  let refusals = 0;
  for (const { what, call, confirm } of session) {
    let accepted = await isAccepted(call, engine);
    while (!accepted) {
      before ??= { ...confirmed };
      refusals += 1;
      if (refusals > 10) throw new Error(`${what} is never accepted`);
      onRefused(refusals);
      accepted = await isAccepted(call, engine);
    }
    confirm(confirmed);
  }
  return { refusals, before };
}

function isAccepted(call: Step['call'], engine: Engine): Promise<boolean> {
  return call(engine).then(
    () => true,
    () => false,
  );
}

const policies = ['exit', 'always', 'never'] as const;

/** How the disk fails from a call on, until there is room again. */
const ways: readonly { what: string; faultAt: (call: number, hasRoom: () => boolean) => Fault }[] =
  [
    {
      what: 'once with EIO',
      faultAt: (wanted) => (call) => (call === wanted ? 'EIO' : null),
    },
    {
      what: 'for good with ENOSPC until there is room',
      faultAt: (wanted, hasRoom) => (call) => (call >= wanted && !hasRoom() ? 'ENOSPC' : null),
    },
    {
      what: 'with a short write and then ENOSPC',
      faultAt: (wanted, hasRoom) => (call) => {
        if (call < wanted || hasRoom()) return null;
        return call === wanted ? 'short' : 'ENOSPC';
      },
    },
  ];

/** Runs the session on a disk that fails at a call, and says how many there were. */
async function runFailing(
  wanted: number,
  fsync: FsyncPolicy,
  { faultAt }: (typeof ways)[number],
): Promise<{ calls: number; refusals: number }> {
  const [dir, left] = [temporaryDirectory(), join(temporaryDirectory(), 'left')];
  let hasRoom = false;
  const { disk, calls } = faultyDisk(faultAt(wanted, () => hasRoom));
  const engine = await opened({ dir, disk, fsync }, () => {
    hasRoom = true;
  });
  const { refusals, before } = await run(engine, (count) => {
    if (count === 1) cpSync(dir, left, { recursive: true });
    hasRoom = count >= 3;
  });
  await requireWhole(engine);
  await engine.close();
  expect(openFiles(dir)).toEqual([]);
  for (const [place, confirmed] of [[dir, null] as const, [left, before] as const]) {
    if (place === left && confirmed === null) continue;
    const again = open({ dir: place, disk: hostDisk, fsync });
    if (confirmed === null) await requireWhole(again);
    else await requireConfirmed(again, confirmed);
    await again.close();
    rmSync(place, { recursive: true });
  }
  return { calls: calls(), refusals };
}

/** A store that cannot be opened says so, and can be when there is room. */
async function opened(place: Place, makeRoom: () => void): Promise<Engine> {
  try {
    return await Promise.try(open, place);
  } catch {
    expect(openFiles(place.dir)).toEqual([]);
    makeRoom();
    return open(place);
  }
}

describe.each(policies)('with the policy %s', (fsync) => {
  test.each(ways)(
    'a session on a disk that fails $what loses and repeats nothing',
    { timeout: 120_000 },
    async (way) => {
      let refused = 0;
      for (let wanted = 1; ; wanted += 1) {
        const { calls, refusals } = await runFailing(wanted, fsync, way).catch((cause: unknown) => {
          throw new Error(`with call ${wanted} failing: ${String(cause)}`, { cause });
        });
        if (refusals > 0) refused += 1;
        if (calls < wanted) break;
      }
      expect(refused).toBeGreaterThan(30);
    },
  );
});
