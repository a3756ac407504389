import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Engine } from '../../../src/engine/engine.ts';
import { openFilesEngine } from '../../../src/engine/files/engine.ts';
import type { LogEvent } from '../../../src/log/event.ts';
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

const record = recordOf('p');
const everything = { after_seq: 0, max_bytes: 1_000_000 };

function open(dir: string, retainedBytesMax = 1_000_000): Engine {
  const replay = { eventsMax: 3, bytesMax: 1_000_000 };
  const engine = openFilesEngine({ dir, retainedBytesMax, replay });
  onTestFinished(() => engine.close().catch(() => undefined));
  return engine;
}

function filesOf(dir: string): readonly string[] {
  const logs = join(dir, 'logs', record.incarnation);
  return existsSync(logs) ? readdirSync(logs) : [];
}

async function eventsIn(engine: Engine): Promise<readonly LogEvent[]> {
  return (await engine.read(record, everything)).events;
}

describe('a small log', () => {
  const events = [...outputs([5, 0, 7]), exited(4), closed(5)];

  test('is in the row of its process, has no files, and is there after a restart', async () => {
    const dir = temporaryDirectory();
    const first = open(dir);
    await first.create(record);
    await first.append(record, events.slice(0, 3), running);
    expect(await eventsIn(first)).toEqual(events.slice(0, 3));
    await first.append(record, events.slice(3, 4), exitedAt(4, 9));
    await first.append(record, events.slice(4), closedAt(5, 9));
    await first.close();
    const second = open(dir);
    expect(await second.find('p')).toEqual({
      record,
      lifecycle: { ...closedAt(5, 9), exit_seq: 4 },
      head: {
        last_seq: 5,
        first_retained_seq: 1,
        first_replay_seq: 3,
        retained_bytes: 12,
        evicted_bytes: 0,
      },
    });
    expect(await eventsIn(second)).toEqual(events);
    expect(filesOf(dir)).toEqual([]);
  });

  test('of a process that still ran when the service ended is there as well', async () => {
    const dir = temporaryDirectory();
    const first = open(dir);
    await first.create(record);
    await first.append(record, events.slice(0, 2), running);
    await first.close();
    expect(await eventsIn(open(dir))).toEqual(events.slice(0, 2));
  });

  test('is paged as any other', async () => {
    const engine = open(temporaryDirectory());
    await engine.create(record);
    await engine.append(record, events, closedAt(5, 9));
    const pages = [];
    for (let after_seq = 0; after_seq < 5;) {
      const page = await engine.read(record, { after_seq, max_bytes: 6 });
      pages.push(page.events.map(({ seq }) => seq));
      after_seq = page.events.at(-1)?.seq ?? 5;
    }
    expect(pages).toEqual([[1, 2], [3], [4, 5]]);
  });

  test('whose frames were damaged has a gap there, and tells its end all the same', async () => {
    const dir = temporaryDirectory();
    const engine = open(dir);
    await engine.create(record);
    await engine.append(record, events, { ...closedAt(5, 9), exit_seq: 4 });
    const database = new DatabaseSync(join(dir, 'metadata.sqlite'));
    database.exec(`UPDATE processes SET frames = x'00'`);
    database.close();
    expect(await engine.read(record, everything)).toEqual({
      gap: { type: 'gap', from_seq: 1, to_seq: 3, bytes: 12 },
      events: events.slice(3, 4),
    });
    expect(await engine.read(record, { after_seq: 4, max_bytes: 0 })).toEqual({
      gap: null,
      events: events.slice(4),
    });
  });

  test('is dropped with its process', async () => {
    const engine = open(temporaryDirectory());
    await engine.create(record);
    await engine.append(record, events, closedAt(5, 9));
    await engine.remove('p');
    expect(await eventsIn(engine)).toEqual(events);
    await engine.dropLog(record);
    await expect(engine.read(record, everything)).rejects.toMatchObject({
      code: 'process_expired',
    });
  });
});

describe('a log that outgrows its row', () => {
  test.each([
    ['at 4096 bytes of frames', [outputs([4000]), outputs([48], 2)], outputs([0], 3)],
    ['at 4096 bytes of frames, at once', [], outputs([4073])],
    ['at its fifth append', [1, 2, 3, 4].map((seq) => outputs([1], seq)), outputs([1], 5)],
  ])('%s has files with all of it from then on', async (_when, fitting, last) => {
    const dir = temporaryDirectory();
    const engine = open(dir);
    await engine.create(record);
    for (const events of fitting) await engine.append(record, events, running);
    expect(filesOf(dir)).toEqual([]);
    await engine.append(record, last, running);
    expect(filesOf(dir)).toHaveLength(2);
    expect(await eventsIn(engine)).toEqual([...fitting.flat(), ...last]);
  });

  test('by a segment is evicted like any other', async () => {
    const dir = temporaryDirectory();
    const engine = open(dir, 160);
    await engine.create(record);
    await engine.append(record, outputs([10]), running);
    expect(filesOf(dir)).toEqual([]);
    await engine.append(record, outputs([100, 100], 2), running);
    const page = await engine.read(record, everything);
    expect(page).toEqual({
      gap: { type: 'gap', from_seq: 1, to_seq: 2, bytes: 110 },
      events: outputs([100], 3),
    });
  });

  test('and whose files cannot be made is tried again, and keeps nothing open', async () => {
    const dir = temporaryDirectory();
    const engine = open(dir);
    const logs = join(dir, 'logs', record.incarnation);
    await engine.create(record);
    await engine.append(record, outputs([1]), running);
    mkdirSync(join(logs, '0000000000000001.log'), { recursive: true });
    for (const attempt of [1, 2, 3]) {
      await expect(
        engine.append(record, outputs([5000], 2), running),
        `attempt ${attempt}`,
      ).rejects.toThrow('EISDIR');
    }
    expect(openFiles(logs)).toEqual([]);
    rmSync(logs, { recursive: true });
    await engine.append(record, outputs([5000], 2), running);
    expect(await eventsIn(engine)).toEqual(outputs([1, 5000]));
  });

  test('and whose row cannot be told so is tried again', async () => {
    const dir = temporaryDirectory();
    const engine = open(dir);
    const database = new DatabaseSync(join(dir, 'metadata.sqlite'));
    onTestFinished(() => {
      database.close();
    });
    await engine.create(record);
    await engine.append(record, outputs([1]), running);
    database.exec(
      `CREATE TRIGGER full BEFORE UPDATE ON processes BEGIN SELECT RAISE(ABORT, 'full'); END`,
    );
    for (const attempt of [1, 2]) {
      await expect(
        engine.append(record, outputs([5000], 2), running),
        `attempt ${attempt}`,
      ).rejects.toThrow('full');
    }
    database.exec('DROP TRIGGER full');
    await engine.append(record, outputs([5000], 2), running);
    expect(await eventsIn(engine)).toEqual(outputs([1, 5000]));
    await engine.close();
    const { layout } = new DatabaseSync(join(dir, 'metadata.sqlite'))
      .prepare('SELECT layout FROM processes')
      .get() as { layout: unknown };
    expect(layout).toBeNull();
  });
});
