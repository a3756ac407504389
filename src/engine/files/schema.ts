import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** The version of the tables below, kept in the file as `user_version`. */
const schemaVersion = 1;

const tables = `
  CREATE TABLE processes (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
    process_id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    ends_at INTEGER,
    labels TEXT NOT NULL,
    record TEXT NOT NULL,
    lifecycle TEXT NOT NULL,
    layout TEXT
  ) STRICT;
  CREATE INDEX processes_by_end ON processes (ends_at) WHERE ends_at IS NOT NULL;
  CREATE TABLE tombstones (
    process_id TEXT PRIMARY KEY,
    until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tombstones_by_time ON tombstones (until);
  PRAGMA user_version = ${schemaVersion};
`;

/** How long a statement waits for another process that has the file locked, such as a backup. */
const busyTimeoutMs = 5_000;

/** Opens the metadata file, or makes it readable by its owner only; throws when it is a newer release's. */
export function openDatabase(path: string): DatabaseSync {
  closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs });
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
    migrate(database, path);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
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

function migrate(database: DatabaseSync, path: string): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
  if (version > schemaVersion) {
    throw new Error(
      `${path} was written by a newer release: its schema version is ${version}, and this one reads up to ${schemaVersion}`,
    );
  }
  if (version < schemaVersion)
    transact(database, () => {
      database.exec(tables);
    });
}
