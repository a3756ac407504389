import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AppendedEvent } from '../../log/event.ts';
import type { Lifecycle } from '../../log/lifecycle.ts';
import type {
  Engine,
  Leftovers,
  ListPage,
  ListQuery,
  LogHead,
  LogPage,
  Lookup,
  ProcessRecord,
  ReadQuery,
  Reservation,
  StoredProcess,
} from '../engine.ts';
import type { Disk } from './disk.ts';
import { hostDisk } from './disk.ts';
import { lockDirectory } from './directory-lock.ts';
import type { FsyncPolicy } from './durability.ts';
import { Durability } from './durability.ts';
import { listRows } from './list-rows.ts';
import { LogStore } from './log-store.ts';
import { Metadata } from './metadata.ts';
import { probeOf } from './probe-disk.ts';
import type { StoreRepairs } from './repair-store.ts';
import { repairStore } from './repair-store.ts';
import type { StoredRow } from './rows.ts';
import type { LogBounds } from './segmented-log.ts';
import { steadyClock } from './steady-clock.ts';

/** Where the embedded store is, how much it keeps, and how safe that is. */
export interface FilesEngineOptions extends LogBounds {
  readonly dir: string;
  /** Most bytes of the files of all logs; unbounded unless given. */
  readonly dataBytesMax?: number;
  /** When what was appended is forced to the disk; `exit` unless given. */
  readonly fsync?: FsyncPolicy;
  /** How long the id of a removed process is `expired`; an hour unless given. */
  readonly tombstoneMs?: number;
  /** The clock that retention goes by, in milliseconds; one that never jumps unless given. */
  readonly now?: () => number;
  readonly disk?: Disk;
  /** Told once what had to be repaired. */
  readonly onRepaired?: (repairs: StoreRepairs) => void;
}

/**
 * Opens the store in `dir`, which is made when it is missing, and repairs what a crash or a damaged
 * disk has left. Throws in one sentence when it cannot be used.
 */
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

/**
 * The store of one host: segment files for each log, and a SQLite file for all else. A method has
 * done its work when it returns, but for forcing it to the disk and for `dropLog`.
 */
class FilesEngine implements Engine {
  readonly #probe: () => void;
  readonly #tombstoneMs: number;
  readonly #now: () => number;
  readonly #metadata: Metadata;
  readonly #durability: Durability;
  readonly #logs: LogStore;
  readonly #unlock: () => void;

  constructor(options: FilesEngineOptions, unlock: () => void) {
    const { dir, tombstoneMs = 3_600_000, disk = hostDisk, dataBytesMax = Infinity } = options;
    const path = join(dir, 'metadata.sqlite');
    const metadata = new Metadata(path, disk);
    const now = options.now ?? steadyClock(metadata);
    const store = { metadata, disk, directory: join(dir, 'logs'), bounds: options, now };
    const repairs = repairStore(store);
    options.onRepaired?.(repairs);
    this.#probe = probeOf(disk, join(dir, 'probe'));
    this.#tombstoneMs = tombstoneMs;
    this.#now = now;
    this.#metadata = metadata;
    this.#durability = new Durability(options.fsync ?? 'exit', disk, `${path}-wal`);
    this.#logs = new LogStore({ ...store, dataBytesMax, durability: this.#durability });
    this.#unlock = unlock;
  }

  reserve(reservation: Reservation): Promise<void> {
    return Promise.try(() => {
      this.#logs.requireRoom();
      this.#metadata.reserve(reservation, this.#now());
    });
  }

  async release(reservation: Reservation): Promise<void> {
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

  dropLog(record: ProcessRecord): Promise<void> {
    return this.#logs.drop(record);
  }

  findExpired(): Promise<readonly StoredProcess[]> {
    return Promise.try(() => {
      const now = this.#now();
      this.#metadata.forgetBuried(now);
      return this.#metadata.findExpired(now).map((row) => this.#storedFrom(row));
    });
  }

  leftovers(): Promise<Leftovers> {
    return Promise.try(() => this.#metadata.leftovers());
  }

  settle(record: Reservation): Promise<void> {
    return Promise.try(() => {
      this.#metadata.markOrphans(record, false);
    });
  }

  probe(): Promise<void> {
    return Promise.try(() => {
      this.#logs.requireRoom();
      this.#probe();
    });
  }

  onEvicted(listener: (record: Reservation, head: LogHead) => void): void {
    this.#logs.onEvicted = listener;
  }

  close(): Promise<void> {
    return Promise.try(() => {
      this.#logs.close();
      this.#durability.close();
      this.#metadata.close();
      this.#unlock();
    });
  }

  #storedFrom(row: StoredRow): StoredProcess {
    const { record, lifecycle } = row;
    return { record, lifecycle, head: this.#logs.headOf(row) };
  }
}
