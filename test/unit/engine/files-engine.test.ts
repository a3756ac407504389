import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Engine, ListQuery, ProcessRecord } from '../../../src/engine/engine.ts';
import { emptyHead } from '../../../src/engine/engine.ts';
import type { FilesEngineOptions } from '../../../src/engine/files/engine.ts';
import { openFilesEngine } from '../../../src/engine/files/engine.ts';
import type { LogEvent } from '../../../src/log/event.ts';
import type { Failed } from '../../../src/log/lifecycle.ts';
import { running } from '../../../src/log/lifecycle.ts';
import {
  closed,
  closedAt,
  exited,
  exitedAt,
  openFiles,
  outputs,
  recordOf,
  temporaryDirectory,
} from './fixtures.ts';

const everything = { after_seq: 0, max_bytes: 1_000_000 };
const replay = { eventsMax: 1_000, bytesMax: 1_000_000 };

function open(options: Partial<FilesEngineOptions> = {}): Engine {
  const engine = openFilesEngine({
    dir: temporaryDirectory(),
    retainedBytesMax: 160,
    replay,
    ...options,
  });
  onTestFinished(() => engine.close().catch(() => undefined));
  return engine;
}

/** Runs a process to its close: some output, the exit, and the close at `at`. */
async function complete(engine: Engine, record: ProcessRecord, at = 1_000): Promise<LogEvent[]> {
  const events = [...outputs([100, 100, 3]), exited(4), closed(5)];
  await engine.create(record);
  await engine.append(record, events.slice(0, 3), running);
  await engine.append(record, events.slice(3), closedAt(5, at));
  return events;
}

async function idsOf(engine: Engine, query: Partial<ListQuery> = {}): Promise<string[]> {
  const { processes } = await engine.list({ labels: [], limit: 100, ...query });
  return processes.map(({ record }) => record.process_id);
}

const completeHead = {
  last_seq: 5,
  first_retained_seq: 2,
  first_replay_seq: 2,
  retained_bytes: 103,
  evicted_bytes: 100,
};

describe('a process', () => {
  test('is found as it was recorded, with an empty log', async () => {
    const engine = open();
    const record = recordOf('p', { labels: { 'a"b': '\u0000' }, size: null });
    await engine.create(record);
    expect(await engine.find('p')).toEqual({ record, lifecycle: running, head: emptyHead });
    expect(await engine.read(record, everything)).toEqual({ gap: null, events: [] });
  });

  test('that nobody recorded is unknown', async () => {
    expect(await open().find('p')).toBe('unknown');
  });

  test('is recorded once', async () => {
    const engine = open();
    await engine.create(recordOf('p'));
    const again = recordOf('p', { incarnation: 'ff' });
    await expect(engine.reserve(again)).rejects.toThrow('the process_id p is taken');
    await expect(engine.create(again)).rejects.toThrow('process_id');
  });

  test('moves on with its log', async () => {
    const engine = open();
    const record = recordOf('p');
    await engine.create(record);
    const head = { ...emptyHead, last_seq: 2, retained_bytes: 30 };
    expect(await engine.append(record, outputs([10, 20]), running)).toEqual(head);
    expect(await engine.find('p')).toEqual({ record, lifecycle: running, head });
    await engine.append(record, [exited(3)], exitedAt(3, 500));
    expect(await engine.find('p')).toEqual({
      record,
      lifecycle: exitedAt(3, 500),
      head: { ...head, last_seq: 3 },
    });
    await engine.append(record, [...outputs([5], 4), closed(5)], closedAt(5, 900));
    expect(await engine.find('p')).toEqual({
      record,
      lifecycle: closedAt(5, 900),
      head: { ...head, last_seq: 5, retained_bytes: 35 },
    });
  });

  test('that failed keeps its log, and takes no more', async () => {
    const dir = temporaryDirectory();
    const engine = open({ dir });
    const record = recordOf('p');
    const lifecycle: Failed = {
      state: 'failed',
      message: 'the owner is gone',
      failure_reason: 'owner_lost',
      failed_at: 700,
      exited: exitedAt(2, 600),
    };
    await engine.create(record);
    await engine.append(record, [...outputs([9]), exited(2)], exitedAt(2, 600));
    const head = await engine.append(record, [], lifecycle);
    expect(await engine.find('p')).toEqual({ record, lifecycle, head });
    expect(await engine.read(record, everything)).toEqual({
      gap: null,
      events: [...outputs([9]), exited(2)],
    });
    expect(openFiles(join(dir, 'logs'))).toEqual([]);
    await expect(engine.append(record, outputs([1], 3), running)).rejects.toThrow(
      'no log of p is open',
    );
  });

  test('holds no descriptor once it is closed', async () => {
    const dir = temporaryDirectory();
    const engine = open({ dir });
    await engine.create(recordOf('q'));
    await engine.append(recordOf('q'), outputs([100]), running);
    await complete(engine, recordOf('p'));
    expect(openFiles(join(dir, 'logs'))).toHaveLength(2);
    await engine.close();
    expect(openFiles(dir)).toEqual([]);
  });
});

describe('a log that is complete', () => {
  test('is read from the store alone', async () => {
    const engine = open();
    const record = recordOf('p');
    const events = await complete(engine, record);
    expect(await engine.find('p')).toEqual({
      record,
      lifecycle: closedAt(5, 1_000),
      head: completeHead,
    });
    expect(await engine.read(record, everything)).toEqual({
      gap: { type: 'gap', from_seq: 1, to_seq: 1, bytes: 100 },
      events: events.slice(1),
    });
  });

  test('is there when the store is opened again', async () => {
    const dir = temporaryDirectory();
    const first = open({ dir });
    const events = await complete(first, recordOf('p'));
    await first.close();
    const second = open({ dir });
    const found = { record: recordOf('p'), lifecycle: closedAt(5, 1_000), head: completeHead };
    expect(await second.list({ labels: [], limit: 10 })).toEqual({
      processes: [found],
      next_cursor: null,
    });
    expect((await second.read(recordOf('p'), { after_seq: 2, max_bytes: 0 })).events).toEqual(
      events.slice(2, 3),
    );
  });
});

describe('a list', () => {
  async function populated(): Promise<Engine> {
    const engine = open();
    await engine.create(recordOf('a', { labels: { app: 'web', 'k\n"é': '1' } }));
    await complete(engine, recordOf('b', { labels: { app: 'web', tier: 'x' } }));
    await engine.create(recordOf('c', { labels: { app: 'db', tier: 'x' } }));
    await engine.append(recordOf('c'), [exited(1)], exitedAt(1, 5));
    await engine.create(recordOf('d'));
    return engine;
  }

  test('is newest first', async () => {
    expect(await idsOf(await populated())).toEqual(['d', 'c', 'b', 'a']);
  });

  test.each([
    { state: 'running', ids: ['d', 'a'] },
    { state: 'exited', ids: ['c'] },
    { state: 'closed', ids: ['b'] },
    { state: 'failed', ids: [] },
  ] as const)('has those that are $state', async ({ state, ids }) => {
    expect(await idsOf(await populated(), { state })).toEqual(ids);
  });

  test.each<{ labels: [string, string][]; ids: string[] }>([
    { labels: [['app', 'web']], ids: ['b', 'a'] },
    { labels: [['tier', 'x']], ids: ['c', 'b'] },
    {
      labels: [
        ['app', 'web'],
        ['tier', 'x'],
      ],
      ids: ['b'],
    },
    { labels: [['k\n"é', '1']], ids: ['a'] },
    { labels: [['app', 'we']], ids: [] },
    { labels: [['web', 'app']], ids: [] },
    { labels: [['tier', 'web']], ids: [] },
  ])('has those with all of the labels $labels', async ({ labels, ids }) => {
    expect(await idsOf(await populated(), { labels })).toEqual(ids);
  });

  test('comes in pages that visit each process once', async () => {
    const engine = await populated();
    for (let limit = 1; limit <= 5; limit += 1) {
      const pages: string[][] = [];
      let cursor: string | null | undefined;
      while (cursor !== null) {
        const at: Partial<ListQuery> = cursor === undefined ? {} : { cursor };
        const page = await engine.list({ labels: [], limit, ...at });
        pages.push(page.processes.map(({ record }) => record.process_id));
        cursor = page.next_cursor;
      }
      expect(pages).toHaveLength(Math.ceil(4 / limit));
      expect(pages.flat()).toEqual(['d', 'c', 'b', 'a']);
    }
  });

  test('goes on where it was when processes come and go', async () => {
    const engine = await populated();
    const { next_cursor } = await engine.list({ labels: [], limit: 2 });
    await engine.create(recordOf('e'));
    await engine.remove('c');
    expect(await idsOf(engine, { cursor: next_cursor ?? '' })).toEqual(['b', 'a']);
  });

  test.each(['', 'x', 'MQ==', 'LTE', 'MDE', 'OTAwNzE5OTI1NDc0MDk5Mg', 'MQ\n'])(
    'refuses the cursor %j',
    async (cursor) => {
      await expect(open().list({ labels: [], limit: 1, cursor })).rejects.toMatchObject({
        code: 'invalid_request',
      });
    },
  );
});

describe('removal', () => {
  test('makes the id expired for the time of its tombstone', async () => {
    let now = 10_000;
    const engine = open({ tombstoneMs: 100, now: () => now });
    await complete(engine, recordOf('p'));
    await engine.remove('p');
    for (now of [10_000, 10_099]) {
      expect(await engine.find('p')).toBe('expired');
      await expect(engine.reserve(recordOf('p'))).rejects.toThrow('p was removed');
    }
    now = 10_100;
    expect(await engine.find('p')).toBe('unknown');
    await engine.create(recordOf('p', { incarnation: 'ff' }));
    await engine.remove('p');
    expect(await engine.find('p')).toBe('expired');
  });

  test('lasts an hour, also when the store is opened again', async () => {
    const dir = temporaryDirectory();
    let now = 0;
    const first = open({ dir, now: () => now });
    await complete(first, recordOf('p'));
    await first.remove('p');
    await first.close();
    const second = open({ dir, now: () => now });
    now = 3_599_999;
    expect(await second.find('p')).toBe('expired');
    await second.findExpired();
    expect(await second.find('p')).toBe('expired');
    now = 3_600_000;
    await second.findExpired();
    expect(await second.find('p')).toBe('unknown');
  });

  test('of an unknown id leaves nothing, and of a removed one changes nothing', async () => {
    let now = 0;
    const engine = open({ tombstoneMs: 100, now: () => now });
    await engine.remove('q');
    expect(await engine.find('q')).toBe('unknown');
    await complete(engine, recordOf('p'));
    await engine.remove('p');
    now = 50;
    await engine.remove('p');
    now = 100;
    expect(await engine.find('p')).toBe('unknown');
  });

  test('leaves the log to its readers until it is dropped', async () => {
    const dir = temporaryDirectory();
    const engine = open({ dir });
    const record = recordOf('p');
    const events = await complete(engine, record);
    await engine.remove('p');
    expect((await engine.read(record, everything)).events).toEqual(events.slice(1));
    await engine.dropLog(record);
    await expect(engine.read(record, everything)).rejects.toMatchObject({
      code: 'process_expired',
    });
    expect(existsSync(join(dir, 'logs', record.incarnation))).toBe(false);
    await engine.dropLog(record);
  });

  test('of a process that still runs lets its log end', async () => {
    const engine = open();
    const record = recordOf('p');
    await engine.create(record);
    await engine.append(record, outputs([5]), running);
    await engine.remove('p');
    await engine.append(record, [exited(2), closed(3)], closedAt(3, 10));
    expect(await engine.find('p')).toBe('expired');
    expect((await engine.read(record, everything)).events).toEqual([
      ...outputs([5]),
      exited(2),
      closed(3),
    ]);
  });

  test('with its log closes what was open', async () => {
    const dir = temporaryDirectory();
    const engine = open({ dir });
    await engine.create(recordOf('p'));
    await engine.append(recordOf('p'), outputs([5]), running);
    await engine.dropLog(recordOf('p'));
    expect(openFiles(join(dir, 'logs'))).toEqual([]);
  });

  test('never touches a process that has the id later', async () => {
    let now = 0;
    const engine = open({ tombstoneMs: 100, now: () => now });
    const [old, young] = [recordOf('p'), recordOf('p', { incarnation: 'ff' })];
    await engine.create(old);
    await engine.remove('p');
    now = 100;
    await engine.create(young);
    await engine.append(old, [exited(1), closed(2)], closedAt(2, 50));
    await engine.dropLog(old);
    expect(await engine.find('p')).toEqual({ record: young, lifecycle: running, head: emptyHead });
    await expect(engine.read(old, everything)).rejects.toMatchObject({ code: 'process_expired' });
  });
});

describe('findExpired', () => {
  test('has what is over and was kept for its retention, oldest first', async () => {
    let now = 1_000;
    const engine = open({ now: () => now });
    await complete(engine, recordOf('late', { retention_ms: 50 }), 1_000);
    await complete(engine, recordOf('early', { retention_ms: 0 }), 1_000);
    await complete(engine, recordOf('kept', { retention_ms: 51 }), 1_000);
    await engine.create(recordOf('runs', { retention_ms: 0 }));
    const ids = async (at: number): Promise<string[]> => {
      now = at;
      return (await engine.findExpired()).map(({ record }) => record.process_id);
    };
    expect(await ids(999)).toEqual([]);
    expect(await ids(1_000)).toEqual(['early']);
    expect(await ids(1_049)).toEqual(['early']);
    expect(await ids(1_050)).toEqual(['early', 'late']);
    const [first] = await engine.findExpired();
    const record = recordOf('early', { retention_ms: 0 });
    expect(first).toEqual({ record, lifecycle: closedAt(5, 1_000), head: completeHead });
  });

  test('has at most 1000 at a time', async () => {
    const engine = open();
    for (let place = 0; place <= 1_000; place += 1) {
      const record = recordOf(`p${place}`, { retention_ms: 0 });
      await engine.create(record);
      await engine.append(record, [], { ...closedAt(2, place) });
    }
    const found = await engine.findExpired();
    expect(found).toHaveLength(1_000);
    expect(found[0]?.record.process_id).toBe('p0');
  });
});

describe('files', () => {
  test('can be read by their owner only', async () => {
    const dir = join(temporaryDirectory(), 'made', 'here');
    await complete(open({ dir }), recordOf('p'));
    const mode = (name: string): string => (statSync(join(dir, name)).mode & 0o777).toString(8);
    expect(['.', 'logs', 'metadata.sqlite', 'metadata.sqlite-wal'].map(mode)).toEqual([
      '700',
      '700',
      '600',
      '600',
    ]);
  });
});
