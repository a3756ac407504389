import type { AppendedEvent } from '../../../log/event.ts';
import type { Lifecycle } from '../../../log/lifecycle.ts';
import { InlineLog } from './inline-log.ts';
import type { LogLayout } from './layout.ts';
import type { LogBounds, LogPlace } from './segmented-log.ts';
import { SegmentedLog } from './segmented-log.ts';

/** The log of a process that is written to: in its row while it is small, then in files. */
export class GrowingLog {
  readonly #place: LogPlace;
  readonly #bounds: LogBounds;
  #log: InlineLog | SegmentedLog;
  #rowState: Lifecycle['state'] = 'running';
  #isRowStale = false;

  constructor(place: LogPlace, bounds: LogBounds) {
    this.#place = place;
    this.#bounds = bounds;
    this.#log = new InlineLog(bounds);
  }

  /** What a reader needs of the log as it is now. */
  get layout(): LogLayout {
    return this.#log.layout;
  }

  /** All of the log, as long as it is kept in its row; null when it is in files. */
  get frames(): Buffer | null {
    return this.#log instanceof InlineLog ? this.#log.frames : null;
  }

  /** Whether the row does not say all that it should of the log, and of the state after it. */
  needsRow({ state }: Lifecycle): boolean {
    return this.#isRowStale || state !== this.#rowState;
  }

  /** Appends events whose seqs follow the log's. When it throws, nothing was appended. */
  append(events: readonly AppendedEvent[]): void {
    if (this.#log instanceof InlineLog && !this.#log.takes(events)) {
      const files = new SegmentedLog(this.#place, this.#bounds);
      try {
        files.append(this.#log.events);
      } catch (error) {
        files.close();
        throw error;
      }
      this.#log = files;
      this.#isRowStale = true;
    }
    this.#log.append(events);
    this.#isRowStale ||= this.#log instanceof InlineLog && events.length > 0;
  }

  /** The row says what it should. */
  rowWritten({ state }: Lifecycle): void {
    this.#rowState = state;
    this.#isRowStale = false;
  }

  /** Resolves when what is in files survives a loss of power. */
  async sync(): Promise<void> {
    if (this.#log instanceof SegmentedLog) await this.#log.sync();
  }

  /** Evicts the oldest segment, unless it is the last one or there are none. */
  evictOldest(): void {
    if (this.#log instanceof SegmentedLog) this.#log.evictOldest();
  }

  /** Closes the descriptors, if there are any. */
  close(): void {
    if (this.#log instanceof SegmentedLog) this.#log.close();
  }
}
