import type { Leftovers, ProcessRecord } from '../../engine.ts';
import type { Disk } from '../disk.ts';
import { readRecord } from './rows.ts';
import type { Statements } from './statements.ts';

/** What is left of processes that are gone: orphans, starts without an answer, logs to delete. */
export class Leavings {
  readonly #statements: Statements;
  readonly #disk: Pick<Disk, 'change'>;

  constructor(statements: Statements, disk: Pick<Disk, 'change'>) {
    this.#statements = statements;
    this.#disk = disk;
  }

  /** Notes that somebody of a process may be left, until that is settled. */
  noteOrphans(record: ProcessRecord): void {
    const text = JSON.stringify(record);
    this.#disk.change(() => this.#statements.noteOrphans.run(record.incarnation, text));
  }

  /** Nobody of a process is left. */
  settle(incarnation: string): void {
    this.#disk.change(() => this.#statements.settle.run(incarnation));
  }

  /** The logs of removed processes that are not deleted yet. */
  dropped(): string[] {
    return this.#statements.dropped.all().map(({ incarnation }) => String(incarnation));
  }

  /** The log of a removed process is deleted. */
  forgetDropped(incarnation: string): void {
    this.#disk.change(() => this.#statements.forgetDropped.run(incarnation));
  }

  /** The processes of which somebody may be left, and the starts that became no process. */
  all(): Leftovers {
    return {
      orphaned: this.#statements.orphaned.all().map(({ record }) => readRecord(String(record))),
      starts: this.#statements.starts.all().map(({ incarnation, process_id }) => ({
        incarnation: String(incarnation),
        process_id: String(process_id),
      })),
    };
  }
}
