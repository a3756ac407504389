import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { readUpTo } from '../logs/positional.ts';

/** The version of the tables below, kept in the file as `user_version`. */
const schemaVersion = 2;

const tables = `
  CREATE TABLE processes (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
    process_id TEXT NOT NULL UNIQUE,
    record TEXT NOT NULL,
    record_checksum INTEGER NOT NULL,
    state TEXT NOT NULL,
    lifecycle TEXT NOT NULL,
    layout TEXT,
    ends_at INTEGER,
    frames BLOB,
    state_checksum INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX processes_by_end ON processes (ends_at) WHERE ends_at IS NOT NULL;
  CREATE TABLE orphans (
    incarnation TEXT PRIMARY KEY,
    record TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE dropped_logs (
    incarnation TEXT PRIMARY KEY
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE starts (
    incarnation TEXT PRIMARY KEY,
    process_id TEXT NOT NULL UNIQUE
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE tombstones (
    process_id TEXT PRIMARY KEY,
    until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tombstones_by_time ON tombstones (until);
  CREATE TABLE clock (
    boot_id TEXT PRIMARY KEY,
    booted_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${schemaVersion};
`;

/** How long a statement waits for another process that has the file locked, such as a backup. */
const busyTimeoutMs = 5_000;

/**
 * Opens the metadata file, or makes it readable by its owner only; throws when it is another
 * release's, or no such file.
 */
export function openDatabase(path: string): DatabaseSync {
  closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs });
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
    makeTables(database, path);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Whether its structure is whole, and the tables are ours; says nothing of the values in them. */
export function isIntact(database: DatabaseSync): boolean {
  try {
    const result = database.prepare('PRAGMA integrity_check(1)').get();
    return result?.['integrity_check'] === 'ok' && hasOwnTables(database) && canBeRead(database);
  } catch {
    return false;
  }
}

/** The check passes over an index that is empty and of the wrong kind. */
function canBeRead(database: DatabaseSync): boolean {
  for (const look of looks) database.prepare(look).get();
  return true;
}

/** By each table and each index. */
const looks = [
  'SELECT 1 FROM processes LIMIT 1',
  `SELECT 1 FROM processes WHERE process_id = ''`,
  'SELECT 1 FROM processes WHERE ends_at <= 0',
  'SELECT 1 FROM starts LIMIT 1',
  `SELECT 1 FROM starts WHERE process_id = ''`,
  'SELECT 1 FROM orphans LIMIT 1',
  'SELECT 1 FROM dropped_logs LIMIT 1',
  'SELECT 1 FROM tombstones LIMIT 1',
  'SELECT 1 FROM tombstones WHERE until <= 0',
  'SELECT 1 FROM clock LIMIT 1',
];

/** SQLite takes the text of its schema as it finds it. */
function hasOwnTables(database: DatabaseSync): boolean {
  const own = new DatabaseSync(':memory:');
  own.exec(tables);
  const found = new Set(schemaOf(database));
  const isOwn = schemaOf(own).every((item) => found.has(item));
  own.close();
  return isOwn;
}

function schemaOf(database: DatabaseSync): string[] {
  const items = database.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema').all();
  return items.map((item) => JSON.stringify(item));
}

/** Runs `work` as one transaction. */
export function transact<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function makeTables(database: DatabaseSync, path: string): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
  if (version > schemaVersion) throw otherRelease(path, 'a newer', version);
  if (version > 0 && version < schemaVersion) throw otherRelease(path, 'an older', version);
  if (version !== 0) return;
  transact(database, () => {
    database.exec(tables);
  });
  // So that a file without its journal is known from a new one.
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
}

function otherRelease(path: string, which: string, version: number): Error {
  return new Error(
    `${path} was written by ${which} release: its schema version is ${version}, and this one reads ${schemaVersion}`,
  );
}

const versionAt = 60;

/** Whether a file has the tables of any release. Without opening it, which would make them. */
export function hasTables(path: string): boolean {
  const header = readUpTo(path, 0, versionAt + 4);
  return header.length === versionAt + 4 && header.readUInt32BE(versionAt) !== 0;
}
