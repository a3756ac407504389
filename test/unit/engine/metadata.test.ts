import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Engine } from '../../../src/engine/engine.ts';
import { openFilesEngine } from '../../../src/engine/files/engine.ts';
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

function open(dir: string): Engine {
  const replay = { eventsMax: 10, bytesMax: 1_000 };
  const engine = openFilesEngine({ dir, retainedBytesMax: 1_000, replay });
  onTestFinished(() => engine.close());
  return engine;
}

/** Changes the metadata from outside, as another release or a fault would. */
function execute(dir: string, sql: string): void {
  const database = new DatabaseSync(join(dir, 'metadata.sqlite'));
  database.exec(sql);
  database.close();
}

describe('the metadata file', () => {
  test('of a newer release is refused and left alone', () => {
    const dir = temporaryDirectory();
    execute(dir, 'PRAGMA user_version = 3');
    expect(() => open(dir)).toThrow(
      `${join(dir, 'metadata.sqlite')} was written by a newer release: ` +
        'its schema version is 3, and this one reads 2',
    );
    expect(openFiles(dir)).toEqual([]);
  });

  test('of an older release is refused and left alone', () => {
    const dir = temporaryDirectory();
    execute(dir, 'PRAGMA user_version = 1');
    expect(() => open(dir)).toThrow('was written by an older release: its schema version is 1');
    expect(openFiles(dir)).toEqual([]);
  });

  test('that is something else is refused', () => {
    const dir = temporaryDirectory();
    writeFileSync(
      join(dir, 'metadata.sqlite'),
      'no database at all, but long enough for one\n'.repeat(20),
    );
    expect(() => open(dir)).toThrow('file is not a database');
  });

  test('keeps the new size of a terminal, of its own incarnation only', async () => {
    const dir = temporaryDirectory();
    const record = recordOf('p');
    const size = { rows: 50, cols: 132 };
    const engine = open(dir);
    await engine.create(record);
    await engine.resize(record, size);
    await engine.resize({ ...record, incarnation: 'ff' }, { rows: 1, cols: 1 });
    expect(await engine.find('p')).toMatchObject({ record: { ...record, size } });
  });

  test('that was left half made is made whole or not at all', () => {
    const dir = temporaryDirectory();
    execute(dir, 'CREATE TABLE tombstones (other TEXT)');
    expect(() => open(dir)).toThrow('already exists');
    execute(dir, 'DROP TABLE tombstones');
    expect(() => open(dir)).not.toThrow();
  });

  test.each([
    { damage: `record = replace(record, '4321', '4322')`, message: 'a row was changed' },
    { damage: `process_id = 'p', record = record || ' '`, message: 'a row was changed' },
    { damage: `lifecycle = '{"state":"asleep"}'`, message: 'a row was changed' },
    { damage: `state = 'closed'`, message: 'a row was changed' },
    { damage: `ends_at = 5`, message: 'a row was changed' },
    { damage: `layout = 'no json'`, message: 'a row was changed' },
    { damage: 'ordinal = -1', message: 'a row has other columns' },
  ])('with a row where $damage says so', async ({ damage, message }) => {
    const dir = temporaryDirectory();
    const engine = open(dir);
    await engine.create(recordOf('p'));
    execute(dir, `UPDATE processes SET ${damage}`);
    await expect(engine.find('p')).rejects.toThrow(message);
  });
});

describe('an append whose row cannot be written', () => {
  test('may be repeated, and the log has its events once', async () => {
    const dir = temporaryDirectory();
    const engine = open(dir);
    const record = recordOf('p');
    const events = [...outputs([5, 6]), exited(3), closed(4)];
    await engine.create(record);
    await engine.append(record, events.slice(0, 1), running);
    execute(
      dir,
      `CREATE TRIGGER full BEFORE UPDATE ON processes BEGIN SELECT RAISE(ABORT, 'disk full'); END`,
    );
    await expect(engine.append(record, events.slice(1), closedAt(4, 9))).rejects.toThrow(
      'disk full',
    );
    expect(openFiles(join(dir, 'logs'))).toEqual([]);
    execute(dir, 'DROP TRIGGER full');
    await engine.append(record, events.slice(1), closedAt(4, 9));
    expect(await engine.find('p')).toMatchObject({
      lifecycle: closedAt(4, 9),
      head: { last_seq: 4 },
    });
    expect((await engine.read(record, { after_seq: 0, max_bytes: 100 })).events).toEqual(events);
  });
});

describe('output', () => {
  test('in files writes no row, before the exit and after it', async () => {
    const dir = temporaryDirectory();
    const engine = open(dir);
    const record = recordOf('p');
    const full = `CREATE TRIGGER full BEFORE UPDATE ON processes BEGIN SELECT RAISE(ABORT, 'full'); END`;
    await engine.create(record);
    await engine.append(record, outputs([100]), running);
    execute(dir, full);
    await engine.append(record, outputs([5], 2), running);
    execute(dir, 'DROP TRIGGER full');
    await engine.append(record, [exited(3)], exitedAt(3, 9));
    execute(dir, full);
    expect(await engine.append(record, outputs([5], 4), exitedAt(3, 9))).toMatchObject({
      last_seq: 4,
    });
  });
});

describe('a removal whose tombstone cannot be written', () => {
  test('leaves the process there', async () => {
    const dir = temporaryDirectory();
    const engine = open(dir);
    await engine.create(recordOf('p'));
    execute(
      dir,
      `CREATE TRIGGER full BEFORE INSERT ON tombstones BEGIN SELECT RAISE(ABORT, 'disk full'); END`,
    );
    await expect(engine.remove('p')).rejects.toThrow('disk full');
    expect(await engine.find('p')).toMatchObject({ record: recordOf('p'), lifecycle: running });
    execute(dir, 'DROP TRIGGER full');
    await engine.remove('p');
    expect(await engine.find('p')).toBe('expired');
  });
});
