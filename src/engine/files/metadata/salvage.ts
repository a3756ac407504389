import { existsSync, renameSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { unreadable } from './require-metadata.ts';
import { isIntact, openDatabase, transact } from './schema.ts';

/** A metadata file that can be relied on. */
export interface SoundDatabase {
  readonly database: DatabaseSync;
  /** Where the damaged file was put that this one was made from; null when it was sound. */
  readonly damagedPath: string | null;
}

/**
 * Opens the metadata file. If SQLite finds its structure damaged, a new one is made with all rows
 * that can still be read, and the damaged one is put aside. Throws when nothing can be read of it.
 */
export function openSound(path: string): SoundDatabase {
  const database = openOrExplain(path);
  if (isIntact(database)) return { database, damagedPath: null };
  database.close();
  const damagedPath = putAside(path);
  const sound = openDatabase(path);
  const damaged = new DatabaseSync(damagedPath);
  transact(sound, () => {
    for (const table of ['processes', 'starts', 'orphans', 'dropped_logs', 'tombstones', 'clock'])
      copy(table, damaged, sound);
  });
  damaged.close();
  return { database: sound, damagedPath };
}

function openOrExplain(path: string): DatabaseSync {
  try {
    return openDatabase(path);
  } catch (cause) {
    if (isOutOfReach(cause))
      throw new Error(`${path} cannot be opened: ${cause.message}`, { cause });
    if (!isDamage(cause)) throw cause;
    const [reason = ''] = cause.message.split(/[\r\n]/);
    throw unreadable(path, reason, cause);
  }
}

/** As SQLite numbers it: an error of the disk, no room on it, a file that cannot be opened. */
const reachCodes = new Set([10, 13, 14]);

function isOutOfReach(error: unknown): error is Error {
  return reachCodes.has(codeOf(error));
}

function codeOf(error: unknown): number {
  const isOfSqlite = error instanceof Error && 'errcode' in error;
  return isOfSqlite && typeof error.errcode === 'number' ? error.errcode & 0xff : 0;
}

/** As SQLite numbers it: what it reads makes no sense, is malformed, is no database. */
const damageCodes = new Set([1, 11, 26]);

function isDamage(error: unknown): error is Error {
  return damageCodes.has(codeOf(error));
}

/** With its journal, which may hold the newest rows. */
function putAside(path: string): string {
  let number = 1;
  while (existsSync(`${path}.damaged-${number}`)) number += 1;
  const aside = `${path}.damaged-${number}`;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  return aside;
}

/** From both ends, since a damaged page stops each of them. */
function copy(table: string, from: DatabaseSync, to: DatabaseSync): void {
  for (const order of ['ASC', 'DESC']) {
    try {
      for (const row of from.prepare(`SELECT * FROM ${table} ORDER BY 1 ${order}`).iterate()) {
        // By their places: the damaged file may name its columns otherwise.
        const values = Object.values(row);
        const places = values.map(() => '?').join(', ');
        to.prepare(`INSERT OR IGNORE INTO ${table} VALUES (${places})`).run(...values);
      }
      return;
    } catch {
      // The other end may give more.
    }
  }
}
