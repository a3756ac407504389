import { DatabaseSync } from 'node:sqlite';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { transact } from '../../../src/engine/files/metadata/schema.ts';

let database: DatabaseSync;

beforeEach(() => {
  database = new DatabaseSync(':memory:');
  database.exec('CREATE TABLE ids (id TEXT PRIMARY KEY) STRICT');
  onTestFinished(() => {
    database.close();
  });
});

function insert(id: string): void {
  database.prepare('INSERT INTO ids VALUES (?)').run(id);
}

function ids(): unknown[] {
  return database
    .prepare('SELECT id FROM ids')
    .all()
    .map(({ id }) => id);
}

describe('a transaction', () => {
  test('gives what its work gave, and keeps what it wrote', () => {
    const given = transact(database, () => {
      insert('a');
      return 'done';
    });
    expect([given, ids()]).toEqual(['done', ['a']]);
  });

  test('whose work throws wrote nothing, and another may follow', () => {
    const broken = (): void => {
      transact(database, () => {
        insert('a');
        throw new Error('broken');
      });
    };
    expect(broken).toThrow('broken');
    transact(database, () => {
      insert('b');
    });
    expect(ids()).toEqual(['b']);
  });

  test('that SQLite has rolled back by itself, as on a full disk, tells why', () => {
    const conflicting = (): void => {
      transact(database, () => {
        insert('a');
        database.exec("INSERT OR ROLLBACK INTO ids VALUES ('a')");
      });
    };
    expect(conflicting).toThrow('UNIQUE constraint failed: ids.id');
    expect(ids()).toEqual([]);
  });
});
