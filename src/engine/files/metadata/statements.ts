import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { running } from '../../../log/lifecycle.ts';
import { stateColumns } from './rows.ts';

/** The columns of a process that nothing was written of yet. */
export const unwritten = stateColumns({
  lifecycle: running,
  layout: null,
  frames: null,
  ends_at: null,
});

const stateNames = Object.keys(unwritten).join(', ');

const columns = `ordinal, process_id, record, record_checksum, ${stateNames}`;

/** Without the frames of small logs, which a list does not need. */
const listColumns = columns.replace('frames', 'substr(frames, 1, 0) AS frames');

// All labels are asked for in one value, so that their number does not change the statement.
const matchesLabels = `NOT EXISTS (
  SELECT 1 FROM json_each(:labels) AS wanted WHERE NOT EXISTS (
    SELECT 1 FROM json_each(processes.record, '$.labels') AS label
    WHERE label.key = wanted.value ->> 0 AND label.value = wanted.value ->> 1))`;

const isIncarnation = `process_id = :process_id AND record ->> 'incarnation' = :incarnation`;

/** Every statement of the metadata file. */
export type Statements = Readonly<Record<StatementName, StatementSync>>;

type StatementName =
  | 'reserve'
  | 'release'
  | 'starts'
  | 'insert'
  | 'withdraw'
  | 'update'
  | 'rerecord'
  | 'find'
  | 'list'
  | 'all'
  | 'unfinished'
  | 'over'
  | 'incarnations'
  | 'findExpired'
  | 'drop'
  | 'noteOrphans'
  | 'settle'
  | 'noteDropped'
  | 'forgetDropped'
  | 'dropped'
  | 'replaceState'
  | 'orphaned'
  | 'remove'
  | 'bury'
  | 'findBuried'
  | 'findForgettable'
  | 'forgetBuried'
  | 'noteBoot'
  | 'findBoot';

/** Prepares them all for a database with the tables of this release. */
export function prepare(database: DatabaseSync): Statements {
  const sql = (text: string): StatementSync => database.prepare(text);
  return {
    reserve: sql('INSERT OR REPLACE INTO starts (incarnation, process_id) VALUES (?, ?)'),
    release: sql('DELETE FROM starts WHERE incarnation = ?'),
    starts: sql('SELECT incarnation, process_id FROM starts'),
    insert: sql(`INSERT INTO processes
      (process_id, record, record_checksum, ${stateNames})
      VALUES (:process_id, :record, :record_checksum, ${stateNames.replaceAll(/\w+/g, ':$&')})
      ON CONFLICT (process_id) DO UPDATE SET record = :record WHERE record = :record`),
    withdraw: sql(`DELETE FROM processes WHERE ${isIncarnation}`),
    update: sql(`UPDATE processes SET ${stateNames.replaceAll(/\w+/g, '$& = :$&')}
      WHERE ${isIncarnation}`),
    rerecord: sql(`UPDATE processes SET record = :record, record_checksum = :record_checksum
      WHERE ${isIncarnation}`),
    find: sql(`SELECT ${columns} FROM processes WHERE process_id = ?`),
    list: sql(`SELECT ${listColumns} FROM processes
      WHERE ordinal < :before AND (:state IS NULL OR state = :state) AND ${matchesLabels}
      ORDER BY ordinal DESC LIMIT :limit`),
    all: sql(`SELECT ${listColumns} FROM processes`),
    unfinished: sql(`SELECT ${columns} FROM processes
      WHERE state IN ('running', 'exited') ORDER BY ordinal`),
    over: sql(`SELECT ${listColumns} FROM processes WHERE ends_at IS NOT NULL ORDER BY ends_at`),
    incarnations: sql(`SELECT record ->> 'incarnation' AS incarnation FROM processes`),
    findExpired: sql(`SELECT ${listColumns} FROM processes
      WHERE ends_at <= ? ORDER BY ends_at, ordinal LIMIT ?`),
    drop: sql('DELETE FROM processes WHERE ordinal = ?'),
    noteOrphans: sql('INSERT OR REPLACE INTO orphans (incarnation, record) VALUES (?, ?)'),
    settle: sql('DELETE FROM orphans WHERE incarnation = ?'),
    noteDropped: sql('INSERT OR REPLACE INTO dropped_logs (incarnation) VALUES (?)'),
    forgetDropped: sql('DELETE FROM dropped_logs WHERE incarnation = ?'),
    dropped: sql('SELECT incarnation FROM dropped_logs'),
    replaceState:
      sql(`UPDATE processes SET ${stateNames.replace(', frames', '').replaceAll(/\w+/g, '$& = :$&')}
      WHERE ordinal = :ordinal`),
    orphaned: sql('SELECT record FROM orphans'),
    remove: sql(`DELETE FROM processes WHERE process_id = ? RETURNING ${columns}`),
    bury: sql('INSERT OR REPLACE INTO tombstones (process_id, until) VALUES (?, ?)'),
    findBuried: sql('SELECT 1 FROM tombstones WHERE process_id = ? AND until > ?'),
    findForgettable: sql('SELECT 1 FROM tombstones WHERE until <= ? LIMIT 1'),
    forgetBuried: sql('DELETE FROM tombstones WHERE until <= ?'),
    noteBoot: sql('INSERT OR IGNORE INTO clock (boot_id, booted_at) VALUES (?, ?)'),
    findBoot: sql('SELECT booted_at FROM clock WHERE boot_id = ?'),
  };
}
