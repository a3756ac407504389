import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ProcessionError } from '../../errors.ts';
import type { LogEvent } from '../../log/event.ts';
import type { Lifecycle } from '../../log/lifecycle.ts';
import { isOver, running } from '../../log/lifecycle.ts';
import type {
  Engine,
  ListPage,
  ListQuery,
  LogHead,
  LogPage,
  Lookup,
  ProcessRecord,
  ReadQuery,
  StoredProcess,
} from '../engine.ts';
import { lockDirectory } from './directory-lock.ts';
import { GrowingLog } from './growing-log.ts';
import type { LogLayout } from './layout.ts';
import { emptyLayout, headOf } from './layout.ts';
import { decodeCursor, encodeCursor } from './list-cursor.ts';
import { readPage } from './log-reader.ts';
import { Metadata } from './metadata.ts';
import type { StoredRow } from './rows.ts';
import type { LogBounds } from './segmented-log.ts';

/** Where the embedded store is and how much it keeps. */
export interface FilesEngineOptions extends LogBounds {
  readonly dir: string;
  /** How long the id of a removed process is `expired`; an hour unless given. */
  readonly tombstoneMs?: number;
  /** The clock, in milliseconds since 1970. */
  readonly now?: () => number;
}

/** Opens the store in `dir`, which is made when it is missing. Throws when it cannot be used. */
export function openFilesEngine(options: FilesEngineOptions): Engine {
  mkdirSync(join(options.dir, 'logs'), { recursive: true, mode: 0o700 });
  const unlock = lockDirectory(options.dir);
  try {
    return new FilesEngine(options, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

const expiredMax = 1_000;

/**
 * The store of one host: a directory of segment files for each log, and a SQLite file for all
 * else. What a method does is done before it returns; only `dropLog` goes on afterwards.
 */
class FilesEngine implements Engine {
  readonly #logsDirectory: string;
  readonly #bounds: LogBounds;
  readonly #tombstoneMs: number;
  readonly #now: () => number;
  readonly #metadata: Metadata;
  readonly #unlock: () => void;
  readonly #live = new Map<string, GrowingLog>();
  /** Logs whose row is gone and whose files are not, so that their readers can finish. */
  readonly #removed = new Map<string, LogLayout>();

  constructor(options: FilesEngineOptions, unlock: () => void) {
    const { dir, tombstoneMs = 3_600_000, now = Date.now, ...bounds } = options;
    this.#logsDirectory = join(dir, 'logs');
    this.#bounds = bounds;
    this.#tombstoneMs = tombstoneMs;
    this.#now = now;
    this.#unlock = unlock;
    this.#metadata = new Metadata(join(dir, 'metadata.sqlite'));
  }

  create(record: ProcessRecord): Promise<void> {
    return Promise.try(() => {
      this.#metadata.insert(record, running, this.#now());
      const log = new GrowingLog(this.#directoryOf(record), this.#bounds);
      this.#live.set(record.incarnation, log);
    });
  }

  resize(record: ProcessRecord, size: NonNullable<ProcessRecord['size']>): Promise<void> {
    return Promise.try(() => {
      this.#metadata.resize(record, size);
    });
  }

  find(processId: string): Promise<Lookup> {
    return Promise.try(() => {
      const row = this.#metadata.find(processId);
      if (row !== null) return this.#storedFrom(row);
      return this.#metadata.isBuried(processId, this.#now()) ? 'expired' : 'unknown';
    });
  }

  list({ state, labels, limit, cursor }: ListQuery): Promise<ListPage> {
    return Promise.try(() => {
      const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : decodeCursor(cursor);
      // One more than asked for tells whether another page follows.
      const rows = this.#metadata.list({ state: state ?? null, labels, before, limit: limit + 1 });
      const page = rows.slice(0, limit);
      const last = rows.length > limit ? page.at(-1) : undefined;
      return {
        processes: page.map((row) => this.#storedFrom(row)),
        next_cursor: last === undefined ? null : encodeCursor(last.ordinal),
      };
    });
  }

  append(
    record: ProcessRecord,
    events: readonly LogEvent[],
    lifecycle: Lifecycle,
  ): Promise<LogHead> {
    return Promise.try(() => {
      const log = this.#live.get(record.incarnation);
      if (log === undefined) throw new Error(`no log of ${record.process_id} is open`);
      // When the log took these events and the row then failed, a repeat finds them in the log.
      const { last_seq } = log.layout;
      log.append(events.filter(({ seq }) => seq > last_seq));
      if (log.needsRow(lifecycle)) this.#moveOn(record, log, lifecycle);
      return headOf(log.layout);
    });
  }

  read(record: ProcessRecord, query: ReadQuery): Promise<LogPage> {
    return Promise.try(() => readPage(this.#directoryOf(record), this.#layoutOf(record), query));
  }

  remove(processId: string): Promise<void> {
    return Promise.try(() => {
      const row = this.#metadata.bury(processId, this.#now() + this.#tombstoneMs);
      if (row === null) return;
      this.#removed.set(row.record.incarnation, row.layout ?? emptyLayout);
    });
  }

  async dropLog(record: ProcessRecord): Promise<void> {
    const { incarnation } = record;
    this.#live.get(incarnation)?.close();
    this.#live.delete(incarnation);
    this.#removed.delete(incarnation);
    await rm(this.#directoryOf(record), { recursive: true, force: true });
  }

  findExpired(now: number): Promise<readonly StoredProcess[]> {
    return Promise.try(() => {
      this.#metadata.forgetBuried(now);
      return this.#metadata.findExpired(now, expiredMax).map((row) => this.#storedFrom(row));
    });
  }

  close(): Promise<void> {
    return Promise.try(() => {
      for (const log of this.#live.values()) log.close();
      this.#live.clear();
      this.#metadata.close();
      this.#unlock();
    });
  }

  #moveOn(record: ProcessRecord, log: GrowingLog, lifecycle: Lifecycle): void {
    const { incarnation } = record;
    if (!isOver(lifecycle)) {
      this.#metadata.update(record, lifecycle, log.rowLayout);
      log.rowWritten(lifecycle);
      return;
    }
    log.close();
    const isKept = this.#metadata.update(record, lifecycle, log.layout);
    if (!isKept) this.#removed.set(incarnation, log.layout);
    this.#live.delete(incarnation);
  }

  #layoutOf({ process_id, incarnation }: ProcessRecord): LogLayout {
    const known = this.#live.get(incarnation)?.layout ?? this.#removed.get(incarnation);
    if (known !== undefined) return known;
    const row = this.#metadata.find(process_id);
    if (row?.record.incarnation === incarnation) return row.layout ?? emptyLayout;
    throw new ProcessionError('process_expired', 'its output was removed');
  }

  #storedFrom({ record, lifecycle, layout }: StoredRow): StoredProcess {
    const live = this.#live.get(record.incarnation)?.layout;
    return { record, lifecycle, head: headOf(live ?? layout ?? emptyLayout) };
  }

  #directoryOf({ incarnation }: ProcessRecord): string {
    return join(this.#logsDirectory, incarnation);
  }
}
