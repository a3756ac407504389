import { constants } from 'node:fs';
import { dirname } from 'node:path';
import type { AppendedEvent } from '../../../log/event.ts';
import { payloadBytes, seqOf } from '../../../log/event.ts';
import type { ReplayBounds } from '../../../log/replay-window.ts';
import { ReplayWindow } from '../../../log/replay-window.ts';
import type { LogHead } from '../../engine.ts';
import type { AppendPlan } from './append-plan.ts';
import { encodeRun, planAppend } from './append-plan.ts';
import type { Disk } from '../disk.ts';
import { removeFile } from '../disk.ts';
import type { LogLayout, Segment } from './layout.ts';
import { emptyLayout, headOf, logNumberOf, segmentPath } from './layout.ts';
import { writeFully } from './positional.ts';
import { encodeEntries, entryPosition, indexPath } from './seq-index.ts';

/** How much a log keeps. */
export interface LogBounds {
  readonly retainedBytesMax: number;
  readonly replay: ReplayBounds;
}

/** Where a log is. */
export interface LogPlace {
  readonly disk: Disk;
  readonly directory: string;
}

/** A log is evicted by whole segments, so its retained output is coarse by this part. */
const segmentsPerLog = 16;

/**
 * The log of one process that is written to. Holds its last segment and its index open from
 * the first append until {@link close}. The bounds count output; the last segment is never
 * evicted, so one event larger than the bound is still retained.
 */
export class SegmentedLog {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #retainedBytesMax: number;
  readonly #segmentBytesMax: number;
  readonly #window: ReplayWindow;
  #layout = emptyLayout;
  #index: number | null = null;
  #active: { readonly first_seq: number; readonly fd: number } | null = null;
  /** First seqs of the segments that were written to since they were synced. */
  readonly #unsynced = new Set<number>();
  #hasNewFiles = false;

  constructor({ disk, directory }: LogPlace, { retainedBytesMax, replay }: LogBounds) {
    this.#disk = disk;
    this.#directory = directory;
    this.#retainedBytesMax = retainedBytesMax;
    this.#segmentBytesMax = segmentBytesMaxOf({ retainedBytesMax });
    this.#window = new ReplayWindow(replay);
  }

  /** What a reader needs of the log as it is now. */
  get layout(): LogLayout {
    return this.#layout;
  }

  /**
   * Appends events whose seqs follow the log's. When it throws, nothing was appended: the same
   * events may be given again and overwrite what was written of them.
   */
  append(events: readonly AppendedEvent[]): LogHead {
    const last_seq = this.#checkedLastSeq(events);
    if (events.length === 0) return headOf(this.#layout);
    const plan = planAppend(this.#layout, events, this.#segmentBytesMax);
    this.#write(plan, events);
    this.#commit(plan, events, last_seq);
    return headOf(this.#layout);
  }

  /** Resolves when all that was appended survives a loss of power; not during an append. */
  async sync(): Promise<void> {
    const segments = [...this.#unsynced].map((first_seq) => this.#syncSegment(first_seq));
    const index = this.#index === null ? null : this.#disk.sync(this.#index);
    await Promise.all([...segments, index]);
    if (!this.#hasNewFiles) return;
    await this.#disk.syncDirectory(this.#directory);
    await this.#disk.syncDirectory(dirname(this.#directory));
    this.#hasNewFiles = false;
  }

  /** Evicts the oldest segment, unless it is the last one. */
  evictOldest(): void {
    const [oldest, ...rest] = this.#layout.segments;
    if (oldest === undefined || rest.length === 0) return;
    this.#layout = { ...this.#layout, segments: rest };
    this.#remove(oldest);
  }

  /** Closes the descriptors; an append would open them again. */
  close(): void {
    const open = [this.#index, this.#active?.fd ?? null];
    this.#index = null;
    this.#active = null;
    for (const fd of open) if (fd !== null) this.#disk.close(fd);
  }

  #checkedLastSeq(events: readonly AppendedEvent[]): number {
    let last = this.#layout.last_seq;
    for (const event of events) {
      last += 1;
      if (seqOf(event) !== last) {
        throw new Error(`expected an event with seq ${last}, got ${seqOf(event)}`);
      }
    }
    return last;
  }

  #write({ runs }: AppendPlan, events: readonly AppendedEvent[]): void {
    const disk = this.#disk;
    const { last_seq, total_bytes } = this.#layout;
    const index = this.#openIndex();
    for (const run of runs) {
      const { position, bytes } = encodeRun(run, logNumberOf(this.#directory));
      writeFully({ disk, fd: this.#openSegment(run.segment) }, bytes, position);
      this.#unsynced.add(run.segment.first_seq);
    }
    const entries = encodeEntries(events, total_bytes);
    writeFully({ disk, fd: index }, entries, entryPosition(last_seq + 1));
  }

  #openIndex(): number {
    if (this.#index === null) this.#disk.makeDirectory(this.#directory);
    this.#index ??= this.#openForWriting(indexPath(this.#directory));
    return this.#index;
  }

  #openSegment(segment: Segment): number {
    const { first_seq } = segment;
    if (this.#active?.first_seq === first_seq) return this.#active.fd;
    const fd = this.#openForWriting(segmentPath(this.#directory, segment));
    const previous = this.#active;
    this.#active = { first_seq, fd };
    if (previous !== null) this.#disk.close(previous.fd);
    return fd;
  }

  /** Never truncates: a repeated append opens the same file and overwrites it. */
  #openForWriting(path: string): number {
    this.#hasNewFiles = true;
    return this.#disk.open(path, constants.O_WRONLY | constants.O_CREAT);
  }

  async #syncSegment(first_seq: number): Promise<void> {
    this.#unsynced.delete(first_seq);
    try {
      if (this.#active?.first_seq === first_seq) await this.#disk.sync(this.#active.fd);
      else await syncFile(this.#disk, segmentPath(this.#directory, { first_seq }));
    } catch (error) {
      // One that was evicted meanwhile need not be synced any more.
      if (!this.#layout.segments.some((segment) => segment.first_seq === first_seq)) return;
      this.#unsynced.add(first_seq);
      throw error;
    }
  }

  #commit(
    { segments, total_bytes }: AppendPlan,
    events: readonly AppendedEvent[],
    last_seq: number,
  ): void {
    for (const event of events) this.#window.push(payloadBytes(event));
    const evicted = evictedCount(segments, total_bytes - this.#retainedBytesMax);
    const first_replay_seq = this.#window.firstSeq;
    this.#layout = { last_seq, total_bytes, first_replay_seq, segments: segments.slice(evicted) };
    for (const segment of segments.slice(0, evicted)) this.#remove(segment);
  }

  #remove(segment: Segment): void {
    this.#unsynced.delete(segment.first_seq);
    removeFile(this.#disk, segmentPath(this.#directory, segment));
  }
}

/** Output of a segment at which the next output begins a new one. */
export function segmentBytesMaxOf({
  retainedBytesMax,
}: Pick<LogBounds, 'retainedBytesMax'>): number {
  return Math.max(1, Math.floor(retainedBytesMax / segmentsPerLog));
}

/** How many of the oldest segments go so that at least `excessBytes` of all output are evicted. */
function evictedCount(segments: readonly Segment[], excessBytes: number): number {
  const enough = segments.findIndex(({ base_bytes }) => base_bytes >= excessBytes);
  return enough === -1 ? segments.length - 1 : enough;
}

async function syncFile(disk: Disk, path: string): Promise<void> {
  const fd = disk.open(path, constants.O_RDONLY);
  try {
    await disk.sync(fd);
  } finally {
    disk.close(fd);
  }
}
