import type { AppendedEvent } from '../../log/event.ts';
import type { Lifecycle } from '../../log/lifecycle.ts';
import type {
  Engine,
  EvictionListener,
  Leftovers,
  ListPage,
  ListQuery,
  LogHead,
  LogPage,
  Lookup,
  ProcessRecord,
  ReadQuery,
  ProcessKey,
  StoredProcess,
} from '../engine.ts';
import type { Closable } from './closable.ts';
import { closeAll } from './closable.ts';
import type { Disk } from './disk.ts';
import type { Durability } from './durability.ts';
import { listRows } from './metadata/list-rows.ts';
import type { LogStore } from './log-store.ts';
import type { Metadata } from './metadata/metadata.ts';
import { probeOf } from './probe-disk.ts';
import type { StoredRow } from './metadata/rows.ts';

/** The parts of an open store, and the order in which they were opened. */
export interface FilesEngineParts {
  readonly disk: Disk;
  /** Where something may be written to see whether that is possible. */
  readonly probePath: string;
  readonly tombstoneMs: number;
  readonly now: () => number;
  readonly metadata: Metadata;
  readonly durability: Durability;
  readonly logs: LogStore;
  readonly opened: readonly Closable[];
}

/**
 * The store of one host: segment files for each log, and a SQLite file for all else. A method has
 * done its work when it returns, but for forcing it to the disk and for `dropLog`.
 */
export class FilesEngine implements Engine {
  readonly #probe: () => void;
  readonly #tombstoneMs: number;
  readonly #now: () => number;
  readonly #metadata: Metadata;
  readonly #durability: Durability;
  readonly #logs: LogStore;
  readonly #opened: readonly Closable[];

  constructor(parts: FilesEngineParts) {
    this.#probe = probeOf(parts.disk, parts.probePath);
    this.#tombstoneMs = parts.tombstoneMs;
    this.#now = parts.now;
    this.#metadata = parts.metadata;
    this.#durability = parts.durability;
    this.#logs = parts.logs;
    this.#opened = parts.opened;
  }

  reserve(reservation: ProcessKey): Promise<void> {
    return Promise.try(() => {
      this.#logs.requireRoom();
      this.#metadata.reserve(reservation, this.#now());
    });
  }

  async release(reservation: ProcessKey): Promise<void> {
    this.#metadata.release(reservation);
    await this.#logs.drop(reservation);
  }

  async create(record: ProcessRecord): Promise<void> {
    this.#metadata.insert(record);
    this.#logs.begin(record);
    await this.#durability.changed();
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

  list(query: ListQuery): Promise<ListPage> {
    return Promise.try(() => {
      const { rows, next_cursor } = listRows(this.#metadata, query);
      return { processes: rows.map((row) => this.#storedFrom(row)), next_cursor };
    });
  }

  append(
    record: ProcessRecord,
    events: readonly AppendedEvent[],
    lifecycle: Lifecycle,
  ): Promise<LogHead> {
    return this.#logs.append(record, events, lifecycle);
  }

  read(record: ProcessRecord, query: ReadQuery): Promise<LogPage> {
    return Promise.try(() => this.#logs.read(record, query));
  }

  async remove(processId: string): Promise<void> {
    const row = this.#metadata.bury(processId, this.#now() + this.#tombstoneMs);
    if (row !== null) this.#logs.remove(row);
    await this.#durability.changed();
  }

  async dropLog(record: ProcessRecord): Promise<void> {
    await this.#logs.drop(record);
    this.#metadata.leavings.forgetDropped(record.incarnation);
  }

  findExpired(): Promise<readonly StoredProcess[]> {
    return Promise.try(() => {
      const now = this.#now();
      this.#metadata.forgetBuried(now);
      // One whose last append is to be repeated is over in its row, and not yet for its readers.
      const rows = this.#metadata
        .findExpired(now)
        .filter(({ record }) => !this.#logs.grows(record));
      return rows.map((row) => this.#storedFrom(row));
    });
  }

  leftovers(): Promise<Leftovers> {
    return Promise.try(() => this.#metadata.leavings.all());
  }

  settle(record: ProcessKey): Promise<void> {
    return Promise.try(() => {
      this.#metadata.leavings.settle(record.incarnation);
    });
  }

  probe(): Promise<void> {
    return Promise.try(() => {
      this.#logs.requireRoom();
      this.#probe();
    });
  }

  onEvicted(listener: EvictionListener): void {
    this.#logs.onEvicted = listener;
  }

  close(): Promise<void> {
    return Promise.try(() => {
      closeAll(this.#opened);
    });
  }

  #storedFrom(row: StoredRow): StoredProcess {
    const { record, lifecycle } = row;
    return { record, lifecycle, head: this.#logs.headOf(row) };
  }
}
