import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Engine, ProcessRecord } from '../../../src/engine/engine.ts';
import type { FsyncPolicy } from '../../../src/engine/files/durability.ts';
import { openFilesEngine } from '../../../src/engine/files/engine.ts';
import type { AppendedEvent, GapEvent, LogEvent } from '../../../src/log/event.ts';
import type { Lifecycle } from '../../../src/log/lifecycle.ts';
import { running } from '../../../src/log/lifecycle.ts';
import { closed, closedAt, exited, outputs, recordOf, temporaryDirectory } from './fixtures.ts';
import { PageCache } from './page-cache.ts';

const bounds = { retainedBytesMax: 80_000, replay: { eventsMax: 100, bytesMax: 1_000_000 } };

/** One process whose log has segments, and one whose log stays in its row. */
const large = recordOf('large', { incarnation: 'aa'.repeat(16) });
const small = recordOf('small', { incarnation: 'bb'.repeat(16) });

interface Step {
  readonly record: ProcessRecord;
  readonly events: readonly LogEvent[];
  readonly lifecycle: Lifecycle;
}

const steps: readonly Step[] = [
  { record: large, events: outputs([10]), lifecycle: running },
  { record: small, events: outputs([20]), lifecycle: running },
  { record: large, events: outputs([6_000, 6_000, 30], 2), lifecycle: running },
  { record: large, events: outputs([500], 5), lifecycle: running },
  { record: small, events: [exited(2), closed(3)], lifecycle: closedAt(3, 9) },
  { record: large, events: [exited(6), closed(7)], lifecycle: closedAt(7, 9) },
];

function eventsOf({ process_id }: ProcessRecord): readonly LogEvent[] {
  return steps.filter(({ record }) => record.process_id === process_id).flatMap((s) => s.events);
}

interface Acknowledged {
  readonly starts: ProcessRecord[];
  readonly lastSeqs: Map<ProcessRecord, number>;
}

/** Runs the session until its end or until there is no power; what was acknowledged by then. */
async function session(fsync: FsyncPolicy, disk: PageCache, dir: string): Promise<Acknowledged> {
  const acknowledged: Acknowledged = { starts: [], lastSeqs: new Map() };
  let engine: Engine | null = null;
  try {
    engine = openFilesEngine({ dir, fsync, disk, ...bounds });
    for (const record of [large, small]) {
      await engine.reserve(record);
      await engine.create(record);
      acknowledged.starts.push(record);
    }
    for (const { record, events, lifecycle } of steps) {
      const { last_seq } = await engine.append(record, events, lifecycle);
      acknowledged.lastSeqs.set(record, last_seq);
    }
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('no power')) throw error;
  } finally {
    await engine?.close().catch(() => undefined);
  }
  return acknowledged;
}

/** All that can be read of a log, in order. */
async function readAll(engine: Engine, record: ProcessRecord): Promise<AppendedEvent[]> {
  const read: AppendedEvent[] = [];
  for (let after_seq = 0; ;) {
    const { gap, events } = await engine.read(record, { after_seq, max_bytes: 1_000_000 });
    if (gap !== null) read.push(gap);
    read.push(...events);
    const last = events.at(-1)?.seq ?? gap?.to_seq;
    if (last === undefined) return read;
    after_seq = last;
  }
}

interface Aftermath {
  readonly acknowledged: Acknowledged;
  readonly found: (record: ProcessRecord) => Promise<Lifecycle['state'] | 'unknown'>;
  readonly read: (record: ProcessRecord) => Promise<AppendedEvent[]>;
}

/** The store when the power comes back after a cut at a call; null when there was no cut. */
async function afterCut(fsync: FsyncPolicy, calls: number): Promise<Aftermath | null> {
  const root = temporaryDirectory();
  const [dir, restored] = [join(root, 'data'), join(root, 'restored')];
  const disk = new PageCache(dir, calls);
  const acknowledged = await session(fsync, disk, dir);
  if (!disk.isOff) return null;
  disk.restoreTo(restored);
  const engine = openFilesEngine({ dir: restored, ...bounds });
  onTestFinished(() => engine.close());
  return {
    acknowledged,
    read: (record) => readAll(engine, record),
    async found({ process_id }) {
      const found = await engine.find(process_id);
      return typeof found === 'string' ? 'unknown' : found.lifecycle.state;
    },
  };
}

/** Cuts the power after each call of the session. */
async function cutEverywhere(
  fsync: FsyncPolicy,
  check: (after: Aftermath) => Promise<void>,
): Promise<number> {
  for (let calls = 1; ; calls += 1) {
    const after = await afterCut(fsync, calls);
    if (after === null) return calls - 1;
    for (const record of [large, small]) {
      if ((await after.found(record)) !== 'unknown') {
        expectTrue(await after.read(record), record);
      }
    }
    await check(after);
  }
}

/** What is told is what was written, and nothing is told twice or left out without a gap. */
function expectTrue(read: readonly AppendedEvent[], record: ProcessRecord): void {
  const written = eventsOf(record);
  let next = 1;
  for (const item of read) {
    if (item.type === 'gap') {
      expect(item.from_seq).toBe(next);
      next = item.to_seq + 1;
    } else {
      expect(item).toEqual(written[next - 1]);
      next += 1;
    }
  }
}

function gapsIn(read: readonly AppendedEvent[]): readonly GapEvent[] {
  return read.filter((item) => item.type === 'gap');
}

describe('a loss of power at any moment', () => {
  test('loses nothing that was acknowledged when all is forced to the disk', async () => {
    const cuts = await cutEverywhere('always', async ({ acknowledged, found, read }) => {
      for (const record of acknowledged.starts) expect(await found(record)).not.toBe('unknown');
      for (const [record, last] of acknowledged.lastSeqs) {
        const events = await read(record);
        expect(gapsIn(events)).toEqual([]);
        expect(events.slice(0, last)).toEqual(eventsOf(record).slice(0, last));
      }
    });
    expect(cuts).toBeGreaterThan(60);
  });

  test('loses no process whose end was told when ends are forced to the disk', async () => {
    const cuts = await cutEverywhere('exit', async ({ acknowledged, found, read }) => {
      for (const [record, last] of acknowledged.lastSeqs) {
        if (last < eventsOf(record).length) continue;
        expect(await found(record)).toBe('closed');
        expect(await read(record)).toEqual(eventsOf(record));
      }
    });
    expect(cuts).toBeGreaterThan(40);
  });

  test('leaves a store that tells no wrong byte when nothing is forced', async () => {
    const cuts = await cutEverywhere('never', () => Promise.resolve());
    expect(cuts).toBeGreaterThan(20);
  });
});

describe('the order of the calls', () => {
  async function callsOf(fsync: FsyncPolicy): Promise<readonly string[]> {
    const dir = join(temporaryDirectory(), 'data');
    const disk = new PageCache(dir);
    await session(fsync, disk, dir);
    return disk.calls;
  }

  test('is log, row, journal at the end of a process', async () => {
    const calls = await callsOf('exit');
    const last = calls.findLastIndex((call) => call === 'change metadata');
    const before = calls.slice(0, last);
    for (const file of [
      '0000000000000001.log',
      '0000000000000003.log',
      'index',
      large.incarnation,
    ]) {
      expect(before).toContain(`synced ${file}`);
    }
    expect(calls.slice(last + 1)).toEqual([
      'sync metadata.sqlite-wal',
      'synced metadata.sqlite-wal',
    ]);
  });

  test('has no sync before the first end, or none at all, if that is the policy', async () => {
    const isSync = (call: string): boolean => call.startsWith('sync');
    const calls = await callsOf('exit');
    const firstClose = calls.findIndex(isSync);
    expect(calls.slice(0, firstClose).filter((call) => call === 'write index').length).toBe(3);
    expect((await callsOf('never')).filter(isSync)).toEqual([]);
  });
});

test('a hundred ends at once are forced to the disk together', async () => {
  const dir = join(temporaryDirectory(), 'data');
  const disk = new PageCache(dir);
  const engine = openFilesEngine({ dir, disk, ...bounds });
  onTestFinished(() => engine.close());
  const records = Array.from({ length: 100 }, (_, place) => recordOf(`p${place}`));
  for (const record of records) await engine.create(record);
  const end = [...outputs([5]), exited(2), closed(3)];
  await Promise.all(records.map((record) => engine.append(record, end, closedAt(3, 9))));
  const syncs = disk.calls.filter((call) => call === 'sync metadata.sqlite-wal');
  expect(syncs.length).toBeLessThanOrEqual(3);
});
