import type { Disk } from './disk.ts';
import { removeFile } from './disk.ts';
import type { ProcessKey } from '../engine.ts';
import { DiskUsage } from './disk-usage.ts';
import type { GrowingLog } from './logs/growing-log.ts';
import type { LogLayout } from './logs/layout.ts';
import { headOf, segmentPath } from './logs/layout.ts';
import type { Metadata } from './metadata/metadata.ts';

/** What a quota bounds, and how it reaches the logs. */
export interface QuotaOptions {
  /** Most bytes that the files of all logs may take. */
  readonly bytesMax: number;
  readonly metadata: Pick<Metadata, 'find' | 'relayout'>;
  readonly disk: Disk;
  readonly directoryOf: (name: ProcessKey) => string;
  /** The logs that are still written to, by incarnation. */
  readonly live: ReadonlyMap<string, GrowingLog>;
  /** Told when part of a log was evicted. */
  readonly onEvicted: (name: ProcessKey, layout: LogLayout, bytes: number) => void;
}

/**
 * Bounds the data directory: evicts the oldest segments of all logs, but never the last one of a
 * log that is still written to.
 */
export class Quota {
  readonly #options: QuotaOptions;
  readonly #usage = new DiskUsage();
  readonly #held = new Set<string>();

  constructor(options: QuotaOptions) {
    this.#options = options;
  }

  /** Whether there is too much, and nothing of it may be evicted. */
  get isExhausted(): boolean {
    return this.#usage.bytes > this.#options.bytesMax;
  }

  /** A log that is over, as it was found. */
  found(name: ProcessKey, layout: LogLayout): void {
    this.#usage.update(name, layout, true);
  }

  /** A log was written to; makes room for it. */
  written(name: ProcessKey, log: Pick<GrowingLog, 'layout' | 'frames'>, isOver: boolean): void {
    this.#held.delete(name.incarnation);
    if (log.frames === null) this.#usage.update(name, log.layout, isOver);
    this.makeRoom();
  }

  /** Nothing of a log may be evicted until it is written once more: its row is being made. */
  hold(incarnation: string): void {
    this.#held.add(incarnation);
  }

  /** The files of a log are gone, or will be soon. */
  removed(incarnation: string): void {
    this.#held.delete(incarnation);
    this.#usage.forget(incarnation);
  }

  /** Evicts until the bound is kept or nothing is left to evict. */
  makeRoom(): void {
    while (this.isExhausted) {
      const name = this.#usage.oldest(this.#held);
      if (name === null) return;
      this.#evictFrom(name);
    }
  }

  #evictFrom(name: ProcessKey): void {
    const { live, onEvicted } = this.#options;
    const log = live.get(name.incarnation);
    if (log === undefined) {
      this.#evictStored(name);
      return;
    }
    const before = log.layout;
    log.evictOldest();
    this.#usage.update(name, log.layout, false);
    onEvicted(name, log.layout, evictedBetween(before, log.layout));
  }

  #evictStored(name: ProcessKey): void {
    const { metadata, disk, directoryOf, onEvicted } = this.#options;
    const row = metadata.find(name.process_id);
    const [oldest, ...segments] = row?.layout?.segments ?? [];
    const isSame = row?.record.incarnation === name.incarnation;
    if (!isSame || row.layout === null || oldest === undefined) {
      this.#usage.forget(name.incarnation);
      return;
    }
    const layout = { ...row.layout, segments };
    metadata.relayout(name, layout);
    removeFile(disk, segmentPath(directoryOf(name), oldest));
    this.#usage.update(name, layout, true);
    onEvicted(name, layout, evictedBetween(row.layout, layout));
  }
}

function evictedBetween(before: LogLayout, after: LogLayout): number {
  return headOf(after).evicted_bytes - headOf(before).evicted_bytes;
}
