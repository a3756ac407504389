import type { AppendedEvent } from '../../../log/event.ts';
import { payloadBytes, seqOf } from '../../../log/event.ts';
import { ReplayWindow } from '../../../log/replay-window.ts';
import { encodeFrame, frameBytes } from './frame.ts';
import type { LogLayout } from './layout.ts';
import { emptyLayout } from './layout.ts';
import type { LogBounds } from './segmented-log.ts';
import { segmentBytesMaxOf } from './segmented-log.ts';
import { intactFrames } from './walk-frames.ts';

/** Most bytes of frames, and most appends, of a log that is kept in its row. */
const inlineBytesMax = 4096;
const appendsMax = 4;

/**
 * The log of a process that has written little so far. It is kept in the row of the process,
 * since to make its files takes several times as long as to run a short command. Nothing of it is
 * evicted.
 */
export class InlineLog {
  readonly #segmentBytesMax: number;
  readonly #window: ReplayWindow;
  #layout: LogLayout = emptyLayout;
  #frames: Buffer = Buffer.alloc(0);
  #appends = 0;

  constructor(bounds: LogBounds) {
    this.#segmentBytesMax = segmentBytesMaxOf(bounds);
    this.#window = new ReplayWindow(bounds.replay);
  }

  get layout(): LogLayout {
    return this.#layout;
  }

  /** The frames of all events so far. */
  get frames(): Buffer {
    return this.#frames;
  }

  /** All events so far; their chunks are the caller's. */
  get events(): readonly AppendedEvent[] {
    return [...intactFrames(this.#frames, 0, 1)];
  }

  /** Whether there is room for these events as one append. */
  takes(events: readonly AppendedEvent[]): boolean {
    if (events.length === 0) return true;
    const frames = events.reduce((sum, event) => sum + frameBytes(event), this.#frames.length);
    const isSmall = frames <= inlineBytesMax && this.#appends < appendsMax;
    return isSmall && this.#totalWith(events) <= this.#segmentBytesMax;
  }

  /** Appends events that it {@link takes}, whose seqs follow the log's. */
  append(events: readonly AppendedEvent[]): void {
    const last = events.at(-1);
    if (last === undefined) return;
    const total_bytes = this.#totalWith(events);
    const frames = Buffer.alloc(
      events.reduce((sum, event) => sum + frameBytes(event), this.#frames.length),
    );
    let end = this.#frames.copy(frames);
    for (const event of events) {
      end = encodeFrame(frames, end, event);
      this.#window.push(payloadBytes(event));
    }
    this.#frames = frames;
    this.#appends += 1;
    this.#layout = {
      last_seq: seqOf(last),
      total_bytes,
      first_replay_seq: this.#window.firstSeq,
      segments: [{ first_seq: 1, base_bytes: 0 }],
    };
  }

  #totalWith(events: readonly AppendedEvent[]): number {
    return events.reduce((sum, event) => sum + payloadBytes(event), this.#layout.total_bytes);
  }
}
