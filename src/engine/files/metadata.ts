import type { DatabaseSync } from 'node:sqlite';
import type { Lifecycle } from '../../log/lifecycle.ts';
import { endedAt } from '../../log/lifecycle.ts';
import type { ProcessRecord } from '../engine.ts';
import type { LogLayout } from './layout.ts';
import type { StoredRow } from './rows.ts';
import { readRow } from './rows.ts';
import { openDatabase, transact } from './schema.ts';

/** Which rows to list, newest first: those with an ordinal below `before`, at most `limit`. */
export interface RowQuery {
  readonly state: Lifecycle['state'] | null;
  readonly labels: readonly (readonly [string, string])[];
  readonly before: number;
  readonly limit: number;
}

/** The table of processes and the tombstones of those removed, in one SQLite file. */
export class Metadata {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;

  constructor(path: string) {
    this.#database = openDatabase(path);
    this.#statements = prepare(this.#database);
  }

  /** Adds a process. Throws when its id is there already, or when it is buried at `now`. */
  insert(record: ProcessRecord, lifecycle: Lifecycle, now: number): void {
    const { process_id, labels } = record;
    if (this.isBuried(process_id, now)) throw new Error(`${process_id} was removed a while ago`);
    this.#statements.insert.run({
      process_id,
      state: lifecycle.state,
      labels: JSON.stringify(labels),
      record: JSON.stringify(record),
      lifecycle: JSON.stringify(lifecycle),
    });
  }

  /** Moves a process on; false when it was removed. The layout is for a process that is over. */
  update(record: ProcessRecord, lifecycle: Lifecycle, layout: LogLayout | null): boolean {
    const ended = endedAt(lifecycle);
    const { changes } = this.#statements.update.run({
      process_id: record.process_id,
      incarnation: record.incarnation,
      state: lifecycle.state,
      ends_at: ended === null ? null : ended + record.retention_ms,
      lifecycle: JSON.stringify(lifecycle),
      layout: layout === null ? null : JSON.stringify(layout),
    });
    return changes === 1;
  }

  /** Changes the size of a terminal. */
  resize({ process_id, incarnation }: ProcessRecord, size: object): void {
    this.#statements.resize.run({ process_id, incarnation, size: JSON.stringify(size) });
  }

  /** The row of a process. */
  find(processId: string): StoredRow | null {
    const row = this.#statements.find.get(processId);
    return row === undefined ? null : readRow(row);
  }

  /** Rows that match a query. */
  list({ state, labels, before, limit }: RowQuery): StoredRow[] {
    const values = { state, labels: JSON.stringify(labels), before, limit };
    return this.#statements.list.all(values).map(readRow);
  }

  /** The rows whose time is over at `now`, oldest first. */
  findExpired(now: number, limit: number): StoredRow[] {
    return this.#statements.findExpired.all(now, limit).map(readRow);
  }

  /** Removes a row and remembers its id until a time; null when there is none. */
  bury(processId: string, until: number): StoredRow | null {
    return transact(this.#database, () => {
      const row = this.#statements.remove.get(processId);
      if (row === undefined) return null;
      this.#statements.bury.run(processId, until);
      return readRow(row);
    });
  }

  /** Whether a removed process is still remembered. */
  isBuried(processId: string, now: number): boolean {
    return this.#statements.findBuried.get(processId, now) !== undefined;
  }

  /** Forgets the removed processes whose time is over. */
  forgetBuried(now: number): void {
    this.#statements.forgetBuried.run(now);
  }

  /** Closes the file. */
  close(): void {
    this.#database.close();
  }
}

type Statements = ReturnType<typeof prepare>;

const columns = 'ordinal, record, lifecycle, layout';

/** Without the events of small logs, which a list does not need. */
const listColumns = `ordinal, record, lifecycle, json_remove(layout, '$.inline') AS layout`;

// All labels are asked for in one value, so that their number does not change the statement.
const matchesLabels = `NOT EXISTS (
  SELECT 1 FROM json_each(:labels) AS wanted WHERE NOT EXISTS (
    SELECT 1 FROM json_each(processes.labels) AS label
    WHERE label.key = wanted.value ->> 0 AND label.value = wanted.value ->> 1))`;

function prepare(database: DatabaseSync) {
  const sql = (text: string) => database.prepare(text);
  return {
    insert: sql(`INSERT INTO processes (process_id, state, labels, record, lifecycle)
      VALUES (:process_id, :state, :labels, :record, :lifecycle)`),
    update: sql(`UPDATE processes
      SET state = :state, ends_at = :ends_at, lifecycle = :lifecycle, layout = :layout
      WHERE process_id = :process_id AND record ->> 'incarnation' = :incarnation`),
    resize: sql(`UPDATE processes SET record = json_set(record, '$.size', json(:size))
      WHERE process_id = :process_id AND record ->> 'incarnation' = :incarnation`),
    find: sql(`SELECT ${columns} FROM processes WHERE process_id = ?`),
    list: sql(`SELECT ${listColumns} FROM processes
      WHERE ordinal < :before AND (:state IS NULL OR state = :state) AND ${matchesLabels}
      ORDER BY ordinal DESC LIMIT :limit`),
    findExpired: sql(`SELECT ${listColumns} FROM processes
      WHERE ends_at <= ? ORDER BY ends_at, ordinal LIMIT ?`),
    remove: sql(`DELETE FROM processes WHERE process_id = ? RETURNING ${columns}`),
    bury: sql('INSERT OR REPLACE INTO tombstones (process_id, until) VALUES (?, ?)'),
    findBuried: sql('SELECT 1 FROM tombstones WHERE process_id = ? AND until > ?'),
    forgetBuried: sql('DELETE FROM tombstones WHERE until <= ?'),
  };
}
