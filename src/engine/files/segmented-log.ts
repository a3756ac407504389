import { closeSync, constants, mkdirSync, openSync, unlinkSync } from 'node:fs';
import type { LogEvent } from '../../log/event.ts';
import { payloadBytes } from '../../log/event.ts';
import type { ReplayBounds } from '../../log/replay-window.ts';
import { ReplayWindow } from '../../log/replay-window.ts';
import type { LogHead } from '../engine.ts';
import type { AppendPlan } from './append-plan.ts';
import { encodeRun, planAppend } from './append-plan.ts';
import type { LogLayout, Segment } from './layout.ts';
import { emptyLayout, headOf, segmentPath } from './layout.ts';
import { writeFully } from './positional.ts';
import { encodeEntries, entryPosition, indexPath } from './seq-index.ts';

/** How much a log keeps. */
export interface LogBounds {
  readonly retainedBytesMax: number;
  readonly replay: ReplayBounds;
}

/** A log is evicted by whole segments, so its retained output is coarse by this part. */
const segmentsPerLog = 16;

/**
 * The log of one process that is written to. Holds its last segment and its index open from
 * the first append until `closed` was appended or {@link close}. The bounds count output; the
 * last segment is never evicted, so one event larger than the bound is still retained.
 */
export class SegmentedLog {
  readonly #directory: string;
  readonly #retainedBytesMax: number;
  readonly #segmentBytesMax: number;
  readonly #window: ReplayWindow;
  #layout = emptyLayout;
  #index: number | null = null;
  #active: { readonly first_seq: number; readonly fd: number } | null = null;

  constructor(directory: string, { retainedBytesMax, replay }: LogBounds) {
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
  append(events: readonly LogEvent[]): LogHead {
    const last_seq = this.#checkedLastSeq(events);
    if (events.length === 0) return headOf(this.#layout);
    const plan = planAppend(this.#layout, events, this.#segmentBytesMax);
    this.#write(plan, events);
    if (events.at(-1)?.type === 'closed') this.close();
    this.#commit(plan, events, last_seq);
    return headOf(this.#layout);
  }

  /** Closes the descriptors; an append would open them again. */
  close(): void {
    const open = [this.#index, this.#active?.fd ?? null];
    this.#index = null;
    this.#active = null;
    for (const fd of open) if (fd !== null) closeSync(fd);
  }

  #checkedLastSeq(events: readonly LogEvent[]): number {
    let last = this.#layout.last_seq;
    for (const { seq } of events) {
      last += 1;
      if (seq !== last) throw new Error(`expected an event with seq ${last}, got ${seq}`);
    }
    return last;
  }

  #write({ runs }: AppendPlan, events: readonly LogEvent[]): void {
    const { last_seq, total_bytes } = this.#layout;
    const index = this.#openIndex();
    for (const run of runs) {
      const { position, bytes } = encodeRun(run);
      writeFully(this.#openSegment(run.segment), bytes, position);
    }
    writeFully(index, encodeEntries(events, total_bytes), entryPosition(last_seq + 1));
  }

  #openIndex(): number {
    if (this.#index === null) mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    this.#index ??= openForWriting(indexPath(this.#directory));
    return this.#index;
  }

  #openSegment(segment: Segment): number {
    const { first_seq } = segment;
    if (this.#active?.first_seq === first_seq) return this.#active.fd;
    const fd = openForWriting(segmentPath(this.#directory, segment));
    const previous = this.#active;
    this.#active = { first_seq, fd };
    if (previous !== null) closeSync(previous.fd);
    return fd;
  }

  #commit(
    { segments, total_bytes }: AppendPlan,
    events: readonly LogEvent[],
    last_seq: number,
  ): void {
    for (const event of events) this.#window.push(payloadBytes(event));
    const evicted = evictedCount(segments, total_bytes - this.#retainedBytesMax);
    const retained = segments.slice(evicted);
    const first_replay_seq = Math.max(this.#window.firstSeq, retained[0]?.first_seq ?? 1);
    this.#layout = { last_seq, total_bytes, first_replay_seq, segments: retained };
    for (const segment of segments.slice(0, evicted)) remove(segmentPath(this.#directory, segment));
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

/** Never truncates: a repeated append opens the same file and overwrites it. */
function openForWriting(path: string): number {
  return openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
}

/** The events are appended already, so a file that cannot be removed now waits for the whole log. */
function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    return;
  }
}
