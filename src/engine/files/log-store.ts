import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ProcessionError } from '../../errors.ts';
import type { AppendedEvent } from '../../log/event.ts';
import { seqOf } from '../../log/event.ts';
import type { Lifecycle } from '../../log/lifecycle.ts';
import { exitedPart, isOver } from '../../log/lifecycle.ts';
import type {
  EvictionListener,
  LogHead,
  LogPage,
  ProcessRecord,
  ReadQuery,
  ProcessKey,
} from '../engine.ts';
import { StoreFullError } from '../engine.ts';
import type { Disk } from './disk.ts';
import type { Durability } from './durability.ts';
import { GrowingLog } from './logs/growing-log.ts';
import type { LogLayout } from './logs/layout.ts';
import { emptyLayout, headOf } from './logs/layout.ts';
import type { Metadata } from './metadata/metadata.ts';
import { Quota } from './quota.ts';
import type { KnownLog } from './logs/read-whole.ts';
import { readWhole } from './logs/read-whole.ts';
import type { StoredRow } from './metadata/rows.ts';
import type { LogBounds } from './logs/segmented-log.ts';

/** What the logs of a store are made of. */
export interface LogStoreOptions {
  readonly metadata: Metadata;
  readonly disk: Disk;
  readonly directory: string;
  readonly bounds: LogBounds;
  /** Most bytes of the files of all logs. */
  readonly dataBytesMax: number;
  readonly durability: Durability;
  /** The clock that retention goes by. */
  readonly now: () => number;
}

type StoredLog = Omit<KnownLog, 'directory'>;

/** The logs of all processes: those that grow, those in the table, and those removed from it. */
export class LogStore {
  /** See `Engine.onEvicted`. */
  onEvicted: EvictionListener = () => undefined;
  readonly #options: LogStoreOptions;
  readonly #quota: Quota;
  readonly #live = new Map<string, GrowingLog>();
  /** Logs whose row is gone and whose files are not, so that their readers can finish. */
  readonly #removed = new Map<string, StoredLog>();

  /** Evicts at once what is above the bound. */
  constructor(options: LogStoreOptions) {
    const { metadata, disk, dataBytesMax: bytesMax } = options;
    const directoryOf = (name: ProcessKey): string => this.#directoryOf(name);
    this.#options = options;
    const onEvicted = (name: ProcessKey, layout: LogLayout, bytes: number): void => {
      this.onEvicted(name, headOf(layout), bytes);
    };
    this.#quota = new Quota({ bytesMax, metadata, disk, directoryOf, live: this.#live, onEvicted });
    for (const { record, layout, frames } of metadata.over()) {
      if (layout !== null && frames === null) this.#quota.found(record, layout);
    }
    this.#quota.makeRoom();
  }

  /** Throws when there is too much, and nothing of it may be evicted. */
  requireRoom(): void {
    if (!this.#quota.isExhausted) return;
    throw new StoreFullError('the quota of the data directory is used up');
  }

  /** Begins the log of a process that was recorded just now. */
  begin(record: ProcessRecord): void {
    if (this.#live.has(record.incarnation)) return;
    const { disk, bounds } = this.#options;
    const place = { disk, directory: this.#directoryOf(record) };
    this.#live.set(record.incarnation, new GrowingLog(place, bounds));
  }

  /** Whether the log of a process is still written to. */
  grows({ incarnation }: ProcessKey): boolean {
    return this.#live.has(incarnation);
  }

  /** See `Engine.append`. */
  async append(
    record: ProcessRecord,
    events: readonly AppendedEvent[],
    lifecycle: Lifecycle,
  ): Promise<LogHead> {
    const { durability } = this.#options;
    const log = this.#live.get(record.incarnation);
    if (log === undefined) throw new Error(`no log of ${record.process_id} is open`);
    // When the log took these events and the row then failed, a repeat finds them in the log.
    const { last_seq } = log.layout;
    log.append(events.filter((event) => seqOf(event) > last_seq));
    this.#quota.written(record, log, false);
    await durability.written(log, lifecycle);
    if (log.needsRow(lifecycle)) {
      const isKept = this.#writeRow(record, log, lifecycle);
      await durability.recorded(lifecycle);
      log.rowWritten(lifecycle);
      if (isOver(lifecycle)) this.#finish(record, lifecycle, isKept);
    }
    return headOf(log.layout);
  }

  /** See `Engine.read`. */
  read(record: ProcessRecord, query: ReadQuery): LogPage {
    return readWhole({ ...this.#logOf(record), directory: this.#directoryOf(record) }, query);
  }

  /** What a row and its log say of the end of it. */
  headOf({ record, layout, lifecycle }: StoredRow): LogHead {
    const head = headOf(this.#live.get(record.incarnation)?.layout ?? layout ?? emptyLayout);
    const exit = exitedPart(lifecycle);
    if (exit === null || head.first_retained_seq <= head.last_seq) return head;
    // The exit and the close are told also when nothing else is retained.
    return { ...head, first_retained_seq: exit.exit_seq, first_replay_seq: exit.exit_seq };
  }

  /** The row is gone; the log can be read until it is dropped. */
  remove(row: StoredRow): void {
    const { incarnation } = row.record;
    this.#quota.removed(incarnation);
    if (!this.#live.has(incarnation)) this.#removed.set(incarnation, storedLogOf(row));
  }

  /** See `Engine.dropLog`. */
  async drop(record: ProcessKey): Promise<void> {
    const { incarnation } = record;
    this.#live.get(incarnation)?.close();
    this.#live.delete(incarnation);
    this.#removed.delete(incarnation);
    this.#quota.removed(incarnation);
    await rm(this.#directoryOf(record), { recursive: true, force: true });
  }

  /** Closes the descriptors of all logs. */
  close(): void {
    for (const log of this.#live.values()) log.close();
    this.#live.clear();
  }

  /** False when the process was removed meanwhile. */
  #writeRow(record: ProcessRecord, log: GrowingLog, lifecycle: Lifecycle): boolean {
    const { metadata, now } = this.#options;
    const { frames } = log;
    if (!isOver(lifecycle)) {
      // Files tell themselves how long they are, as long as they grow.
      const layout = frames === null ? null : log.layout;
      return metadata.update(record, { lifecycle, layout, frames, ends_at: null });
    }
    this.#quota.hold(record.incarnation);
    log.close();
    const ends_at = now() + record.retention_ms;
    return metadata.update(record, { lifecycle, layout: log.layout, frames, ends_at });
  }

  #finish(record: ProcessRecord, lifecycle: Lifecycle, isKept: boolean): void {
    const log = this.#live.get(record.incarnation);
    if (log === undefined) return;
    this.#live.delete(record.incarnation);
    const { layout, frames } = log;
    if (isKept) this.#quota.written(record, log, true);
    else this.#removed.set(record.incarnation, { layout, frames, lifecycle });
  }

  #logOf({ process_id, incarnation }: ProcessKey): StoredLog {
    const live = this.#live.get(incarnation);
    if (live !== undefined) return { layout: live.layout, frames: live.frames, lifecycle: null };
    const removed = this.#removed.get(incarnation);
    if (removed !== undefined) return removed;
    const row = this.#options.metadata.find(process_id);
    if (row?.record.incarnation === incarnation) return storedLogOf(row);
    throw new ProcessionError('process_expired', 'its output was removed');
  }

  #directoryOf({ incarnation }: Pick<ProcessKey, 'incarnation'>): string {
    return join(this.#options.directory, incarnation);
  }
}

function storedLogOf({ layout, frames, lifecycle }: StoredRow): StoredLog {
  return { layout: layout ?? emptyLayout, frames, lifecycle };
}
