import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Engine, ProcessRecord } from '../../../src/engine/engine.ts';
import { openFilesEngine } from '../../../src/engine/files/engine.ts';
import type { StoreRepairs } from '../../../src/engine/files/repair-store.ts';
import type { AppendedEvent } from '../../../src/log/event.ts';
import type { Lifecycle } from '../../../src/log/lifecycle.ts';
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
const record = recordOf('p');
const now = 1_000_000;

interface Store {
  readonly dir: string;
  readonly repairs: StoreRepairs[];
  readonly open: () => Engine;
  readonly file: (name: string) => string;
}

function storeOf(retainedBytesMax = 160): Store {
  const dir = temporaryDirectory();
  const repairs: StoreRepairs[] = [];
  const replay = { eventsMax: 4, bytesMax: 1_000_000 };
  return {
    dir,
    repairs,
    file: (name) => join(dir, 'logs', record.incarnation, name),
    open() {
      const onRepaired = (done: StoreRepairs): number => repairs.push(done);
      const engine = openFilesEngine({ dir, retainedBytesMax, replay, now: () => now, onRepaired });
      onTestFinished(() => engine.close().catch(() => undefined));
      return engine;
    },
  };
}

/** Runs a process for a while in a service that then dies: what it has on the disk stays as it is. */
async function diesAfter(
  store: Store,
  appends: readonly (readonly [readonly AppendedEvent[], Lifecycle])[],
): Promise<void> {
  const engine = store.open();
  await engine.create(record);
  for (const [events, lifecycle] of appends) await engine.append(record, events, lifecycle);
  await engine.close();
}

async function stateOf(engine: Engine, of: ProcessRecord = record): Promise<unknown> {
  const found = await engine.find(of.process_id);
  return typeof found === 'string' ? found : found.lifecycle;
}

const failed = {
  state: 'failed',
  message: 'the service was restarted while the process was running',
  failure_reason: 'server_restarted',
  failed_at: expect.any(Number) as number,
  exited: null,
};

describe('a process that ran when its service died', () => {
  test.each([
    { log: 'no output', appends: [] },
    { log: 'a log in its row', appends: [outputs([5])] },
    { log: 'a log in files', appends: [outputs([5, 100]), outputs([30, 1], 3)] },
  ])('is failed, and has all of $log', async ({ appends }) => {
    const store = storeOf();
    await diesAfter(
      store,
      appends.map((events) => [events, running]),
    );
    const engine = store.open();
    expect(await stateOf(engine)).toEqual(failed);
    const events = appends.flat();
    expect(await engine.read(record, everything)).toEqual({ gap: null, events });
    expect(await engine.find('p')).toMatchObject({
      head: { last_seq: events.length, first_retained_seq: 1, first_replay_seq: 1 },
    });
    expect(store.repairs.map(({ recovered }) => recovered)).toEqual([0, 1]);
  });

  test('is recovered once', async () => {
    const store = storeOf();
    await diesAfter(store, [[outputs([100, 100]), running]]);
    await store.open().close();
    const engine = store.open();
    expect(store.repairs.map(({ recovered }) => recovered)).toEqual([0, 1, 0]);
    expect(await stateOf(engine)).toEqual(failed);
  });

  test('is kept for its retention from then on', async () => {
    const store = storeOf();
    await diesAfter(store, []);
    const engine = store.open();
    expect(await engine.findExpired()).toEqual([]);
  });

  test('keeps its exit, and what was evicted stays a gap', async () => {
    const store = storeOf(16);
    await diesAfter(store, [
      [outputs([100, 100]), running],
      [[exited(3)], exitedAt(3, 500)],
      [outputs([7], 4), exitedAt(3, 500)],
    ]);
    const engine = store.open();
    expect(await stateOf(engine)).toEqual({ ...failed, exited: exitedAt(3, 500) });
    expect(await engine.read(record, everything)).toEqual({
      gap: { type: 'gap', from_seq: 1, to_seq: 2, bytes: 200 },
      events: [exited(3)],
    });
    expect((await engine.read(record, { ...everything, after_seq: 3 })).events).toEqual(
      outputs([7], 4),
    );
  });

  test('is closed when its log says so, though its row does not yet', async () => {
    const store = storeOf();
    const events = [...outputs([100, 30]), exited(3), closed(4)];
    await diesAfter(store, [[events, running]]);
    const engine = store.open();
    expect(await stateOf(engine)).toEqual({
      ...closedAt(4, 0),
      exited_at: expect.any(Number) as number,
      closed_at: expect.any(Number) as number,
    });
    expect((await engine.read(record, everything)).events).toEqual(events);
  });

  test('has orphans until they are settled', async () => {
    const store = storeOf();
    await diesAfter(store, []);
    const engine = store.open();
    expect(await engine.leftovers()).toEqual({ orphaned: [record], starts: [] });
    await engine.settle(record);
    expect(await engine.leftovers()).toEqual({ orphaned: [], starts: [] });
  });
});

describe('a torn append', () => {
  const whole = outputs([5000, 30]);

  test.each([1, 23, 24, 40])('loses its %i bytes that are not a whole event', async (bytes) => {
    const store = storeOf(160_000);
    await diesAfter(store, [[whole, running]]);
    const segment = store.file('0000000000000001.log');
    const intact = readFileSync(segment);
    appendFileSync(segment, Buffer.alloc(bytes, 7));
    const engine = store.open();
    expect(await engine.read(record, everything)).toEqual({ gap: null, events: whole });
    expect(readFileSync(segment)).toEqual(intact);
  });

  test.each([0, 1, 8, 9, 15])('whose index has only %i bytes keeps its events', async (length) => {
    const store = storeOf(160_000);
    await diesAfter(store, [[whole, running]]);
    const index = readFileSync(store.file('index'));
    truncateSync(store.file('index'), length);
    const engine = store.open();
    expect(await engine.read(record, everything)).toEqual({ gap: null, events: whole });
    expect(readFileSync(store.file('index'))).toEqual(index);
  });

  test('of a log on its way from its row into files is whole in its row', async () => {
    const store = storeOf();
    await diesAfter(store, [[outputs([5, 2]), running]]);
    mkdirSync(store.file('.'), { recursive: true });
    writeFileSync(store.file('0000000000000001.log'), Buffer.alloc(24));
    writeFileSync(store.file('index'), '');
    expect(await store.open().read(record, everything)).toEqual({
      gap: null,
      events: outputs([5, 2]),
    });
  });
});

describe('a start that the service died in', () => {
  test('is told, frees its id, and is no process', async () => {
    const store = storeOf();
    const first = store.open();
    await first.reserve(record);
    await first.close();
    const second = store.open();
    expect(await second.find('p')).toBe('unknown');
    expect(await second.leftovers()).toEqual({
      orphaned: [],
      starts: [{ process_id: 'p', incarnation: record.incarnation }],
    });
    const again = { ...record, incarnation: 'ff' };
    await second.reserve(again);
    await second.create(again);
    expect(await second.leftovers()).toEqual({ orphaned: [], starts: [] });
  });
});

describe('a log that no process refers to', () => {
  const unknown = 'ab'.repeat(16);

  test('is left alone and told of', async () => {
    const store = storeOf();
    await diesAfter(store, [[outputs([100]), running]]);
    mkdirSync(join(store.dir, 'logs', unknown));
    mkdirSync(join(store.dir, 'logs', 'backup'));
    store.open();
    expect(existsSync(join(store.dir, 'logs', unknown))).toBe(true);
    expect(store.repairs.map(({ unknownLogs }) => unknownLogs)).toEqual([0, 1]);
  });

  test('is removed when its process was, before the service died', async () => {
    const store = storeOf();
    const first = store.open();
    await first.create(record);
    await first.append(record, [...outputs([100]), exited(2), closed(3)], closedAt(3, 5));
    await first.remove('p');
    await first.close();
    expect(existsSync(store.file('index'))).toBe(true);
    store.open();
    expect(existsSync(store.file('.'))).toBe(false);
    expect(store.repairs.map(({ unknownLogs }) => unknownLogs)).toEqual([0, 0]);
  });

  test.each(['empty', 'missing', 'new'])(
    'keeps a store with %s metadata from starting',
    async (how) => {
      const store = storeOf();
      await store.open().close();
      const path = join(store.dir, 'metadata.sqlite');
      mkdirSync(join(store.dir, 'logs', unknown));
      rmSync(path);
      if (how === 'empty') writeFileSync(path, '');
      if (how === 'new') new DatabaseSync(path).close();
      expect(() => store.open()).toThrow(
        new RegExp(`^${path} is missing or empty while there are logs in .*: restore .*[^\n]$`),
      );
      expect(existsSync(join(store.dir, 'logs', unknown))).toBe(true);
      expect(openFiles(store.dir)).toEqual([]);
    },
  );
});

test('a store whose journal is lost tells of the logs that nobody knows any more', async () => {
  const store = storeOf();
  const incarnation = 'cd'.repeat(16);
  const engine = store.open();
  const known = { ...record, incarnation };
  await engine.create(known);
  await engine.append(known, outputs([100]), running);
  const copy = temporaryDirectory();
  cpSync(store.dir, copy, { recursive: true });
  rmSync(join(copy, 'metadata.sqlite-wal'));
  const repairs: StoreRepairs[] = [];
  const replay = { eventsMax: 4, bytesMax: 1_000_000 };
  const onRepaired = (done: StoreRepairs): number => repairs.push(done);
  const second = openFilesEngine({ dir: copy, retainedBytesMax: 160, replay, onRepaired });
  onTestFinished(() => second.close());
  expect(repairs.map(({ unknownLogs }) => unknownLogs)).toEqual([1]);
  expect(existsSync(join(copy, 'logs', incarnation, 'index'))).toBe(true);
});

describe('a row of which only the state is damaged', () => {
  const end = [...outputs([100]), exited(2), closed(3)];

  test.each([
    { log: 'files', events: end },
    { log: 'its row', events: [...outputs([7]), exited(2), closed(3)] },
  ])('is recovered from $log', async ({ events }) => {
    const store = storeOf();
    await diesAfter(store, [[events, closedAt(3, 5)]]);
    const database = new DatabaseSync(join(store.dir, 'metadata.sqlite'));
    database.exec(`UPDATE processes SET lifecycle = replace(lifecycle, 'closed', 'closet')`);
    database.close();
    const engine = store.open();
    expect(await stateOf(engine)).toEqual({
      ...closedAt(3, 0),
      exited_at: expect.any(Number) as number,
      closed_at: expect.any(Number) as number,
    });
    expect((await engine.read(record, everything)).events).toEqual(events);
    expect(store.repairs.at(-1)).toMatchObject({ lost: 0, recovered: 1 });
  });

  test('is lost when its record is damaged too, and its id is not free for another start', async () => {
    const store = storeOf();
    await diesAfter(store, [[end, closedAt(3, 5)]]);
    const database = new DatabaseSync(join(store.dir, 'metadata.sqlite'));
    database.exec(`UPDATE processes SET record = replace(record, '4321', '4322')`);
    database.close();
    const engine = store.open();
    expect(await engine.find('p')).toBe('expired');
    expect(store.repairs.at(-1)).toMatchObject({ lost: 1, unknownLogs: 0 });
    expect(existsSync(store.file('index'))).toBe(true);
  });
});

describe('an end that is found in an earlier segment', () => {
  test('is the exit of the process', async () => {
    const store = storeOf(96);
    const events = [...outputs([5]), exited(2), ...outputs([9, 9], 3), closed(5)];
    await diesAfter(store, [[events, running]]);
    expect(await stateOf(store.open())).toMatchObject({ state: 'closed', exit_seq: 2 });
  });
});

describe('orphans', () => {
  test('are known until they are settled, also when their process was removed', async () => {
    const store = storeOf();
    await diesAfter(store, []);
    const second = store.open();
    await second.remove('p');
    await second.close();
    const third = store.open();
    expect((await third.leftovers()).orphaned).toEqual([record]);
    await third.settle(record);
    expect((await third.leftovers()).orphaned).toEqual([]);
  });
});

describe('a segment whose header is damaged', () => {
  test.each(['index', 'segment before it'])('is placed by the %s', async (by) => {
    const store = storeOf();
    const events = outputs([100, 30, 20, 3]);
    await diesAfter(store, [[events, running]]);
    const file = store.file('0000000000000002.log');
    const bytes = readFileSync(file);
    bytes.writeUInt8(bytes.readUInt8(15) ^ 4, 15);
    writeFileSync(file, bytes);
    if (by !== 'index') rmSync(store.file('index'));
    expect((await store.open().read(record, everything)).events).toEqual(events);
  });
});
