import type { DatabaseSync } from 'node:sqlite';
import type { Lifecycle } from '../../../log/lifecycle.ts';
import type { ProcessRecord, ProcessKey } from '../../engine.ts';
import type { Disk } from '../disk.ts';
import type { LogLayout } from '../logs/layout.ts';
import type { RowChange, StoredRow } from './rows.ts';
import { readRow, recordColumns, stateColumns } from './rows.ts';
import { mendRows } from './mend-rows.ts';
import { Leavings } from './leavings.ts';
import { openSound } from './salvage.ts';
import { transact } from './schema.ts';
import type { Statements } from './statements.ts';
import { prepare, unwritten } from './statements.ts';

/** Which rows to list, newest first: those with an ordinal below `before`, at most `limit`. */
export interface RowQuery {
  readonly state: Lifecycle['state'] | null;
  readonly labels: readonly (readonly [string, string])[];
  readonly before: number;
  readonly limit: number;
}

const expiredMax = 1_000;

/** The table of processes and the tombstones of those removed, in one SQLite file. */
export class Metadata {
  /** Where the damaged file was put that this one was made from; null when it was sound. */
  readonly damagedPath: string | null;
  /** What is left of processes that are gone. */
  readonly leavings: Leavings;
  readonly #database: DatabaseSync;
  readonly #disk: Pick<Disk, 'change'>;
  readonly #statements: Statements;

  /** Throws in one sentence when the file cannot be used. */
  constructor(path: string, disk: Pick<Disk, 'change'>) {
    const { database, damagedPath } = openSound(path);
    this.#database = database;
    this.#disk = disk;
    this.damagedPath = damagedPath;
    this.#statements = prepare(this.#database);
    this.leavings = new Leavings(this.#statements, disk);
  }

  /** Remembers a start before it is made. Throws when its id is taken, or buried at `now`. */
  reserve({ process_id, incarnation }: ProcessKey, now: number): void {
    if (this.isBuried(process_id, now)) throw new Error(`${process_id} was removed a while ago`);
    if (this.#statements.find.get(process_id) !== undefined) {
      throw new Error(`the process_id ${process_id} is taken`);
    }
    this.#change(() => this.#statements.reserve.run(incarnation, process_id));
  }

  /** Forgets a start, and the process that was recorded of it. */
  release(reservation: ProcessKey): void {
    const { process_id, incarnation } = reservation;
    this.#change(() => {
      this.together(() => {
        this.#statements.release.run(incarnation);
        this.#statements.withdraw.run({ process_id, incarnation });
      });
    });
  }

  /** Adds a process that runs, in place of its start; once. Throws when another has its id. */
  insert(record: ProcessRecord): void {
    const row = { ...recordColumns(record), ...unwritten };
    this.#change(() => {
      this.together(() => {
        this.#statements.release.run(record.incarnation);
        const { changes } = this.#statements.insert.run(row);
        if (changes === 0) throw new Error(`the process_id ${record.process_id} is taken`);
      });
    });
  }

  /** Moves a process on; false when it was removed. */
  update({ process_id, incarnation }: ProcessKey, change: RowChange): boolean {
    const values = { process_id, incarnation, ...stateColumns(change) };
    return this.#change(() => this.#statements.update.run(values)).changes === 1;
  }

  /** Changes the size of a terminal. */
  resize({ process_id, incarnation }: ProcessRecord, size: ProcessRecord['size']): void {
    const row = this.find(process_id);
    if (row?.record.incarnation !== incarnation) return;
    const values = { incarnation, ...recordColumns({ ...row.record, size }) };
    this.#change(() => this.#statements.rerecord.run(values));
  }

  /** Changes what is retained of a process that is over. */
  relayout({ process_id, incarnation }: ProcessKey, layout: LogLayout): void {
    const row = this.find(process_id);
    if (row?.record.incarnation === incarnation) this.update(row.record, { ...row, layout });
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

  /** The rows of processes that are not over, oldest first. */
  unfinished(): StoredRow[] {
    return this.#statements.unfinished.all().map(readRow);
  }

  /** The rows of processes that are over, in the order of their ends, without their frames. */
  *over(): Generator<StoredRow> {
    for (const row of this.#statements.over.iterate()) yield readRow(row);
  }

  /** The incarnations of all processes. */
  incarnations(): ReadonlySet<string> {
    return new Set(
      this.#statements.incarnations.all().map(({ incarnation }) => String(incarnation)),
    );
  }

  /** The rows whose time is over at `now`, oldest first, at most 1000. */
  findExpired(now: number): StoredRow[] {
    return this.#statements.findExpired.all(now, expiredMax).map(readRow);
  }

  /** See {@link mendRows}; the ids of rows that are lost are buried until a time. */
  mendDamaged(until: number): number {
    return this.#change(() => this.together(() => mendRows(this.#statements, until)));
  }

  /** Removes a row and remembers its id until a time; null when there is none. */
  bury(processId: string, until: number): StoredRow | null {
    return this.#change(() =>
      transact(this.#database, () => {
        const found = this.#statements.remove.get(processId);
        if (found === undefined) return null;
        const row = readRow(found);
        this.#statements.bury.run(processId, until);
        this.#statements.noteDropped.run(row.record.incarnation);
        return row;
      }),
    );
  }

  /** Whether a removed process is still remembered. */
  isBuried(processId: string, now: number): boolean {
    return this.#statements.findBuried.get(processId, now) !== undefined;
  }

  /** Forgets the removed processes whose time is over. */
  forgetBuried(now: number): void {
    if (this.#statements.findForgettable.get(now) === undefined) return;
    this.#change(() => this.#statements.forgetBuried.run(now));
  }

  /** When this boot of the host began on the engine's clock: as noted first. */
  bootedAt(bootId: string, bootedAt: number): number {
    this.#change(() => this.#statements.noteBoot.run(bootId, bootedAt));
    return Number(this.#statements.findBoot.get(bootId)?.['booted_at'] ?? bootedAt);
  }

  /** Runs `work` as one change. */
  together<T>(work: () => T): T {
    return transact(this.#database, work);
  }

  /** Closes the file. */
  close(): void {
    this.#database.close();
  }

  #change<T>(statement: () => T): T {
    return this.#disk.change(statement);
  }
}
