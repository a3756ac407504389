import type { LogEvent } from '../../log/event.ts';
import { payloadBytes } from '../../log/event.ts';
import { ReplayWindow } from '../../log/replay-window.ts';
import type { LogPage, ReadQuery } from '../engine.ts';
import { decodeFrame, encodeFrame, frameBytes } from './frame.ts';
import type { LogLayout } from './layout.ts';
import { emptyLayout } from './layout.ts';
import type { LogBounds } from './segmented-log.ts';
import { segmentBytesMaxOf } from './segmented-log.ts';

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

  /** All events so far; their chunks are the caller's. */
  get events(): readonly LogEvent[] {
    return eventsIn(this.#frames);
  }

  /** Whether there is room for these events as one append. */
  takes(events: readonly LogEvent[]): boolean {
    if (events.length === 0) return true;
    const frames = events.reduce((sum, event) => sum + frameBytes(event), this.#frames.length);
    const isSmall = frames <= inlineBytesMax && this.#appends < appendsMax;
    return isSmall && this.#totalWith(events) <= this.#segmentBytesMax;
  }

  /** Appends events that it {@link takes}, whose seqs follow the log's. */
  append(events: readonly LogEvent[]): void {
    const [first] = events;
    if (first === undefined) return;
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
      last_seq: events.at(-1)?.seq ?? first.seq,
      total_bytes,
      first_replay_seq: this.#window.firstSeq,
      segments: [{ first_seq: 1, base_bytes: 0 }],
      inline: frames.toString('base64'),
    };
  }

  #totalWith(events: readonly LogEvent[]): number {
    return events.reduce((sum, event) => sum + payloadBytes(event), this.#layout.total_bytes);
  }
}

/** Reads a page of a log that is kept in its row. Throws when that is damaged. */
export function readInline(inline: string, { after_seq, max_bytes }: ReadQuery): LogPage {
  const events: LogEvent[] = [];
  let bytes = 0;
  for (const event of eventsIn(Buffer.from(inline, 'base64'))) {
    if (event.seq <= after_seq) continue;
    bytes += payloadBytes(event);
    if (events.length > 0 && bytes > max_bytes) break;
    events.push(event);
  }
  return { gap: null, events };
}

function eventsIn(frames: Buffer): readonly LogEvent[] {
  const events: LogEvent[] = [];
  for (let offset = 0; offset < frames.length;) {
    const event = decodeFrame(frames, offset);
    if (event?.seq !== events.length + 1) {
      throw new Error(`damaged log: a row has no intact event ${events.length + 1}`);
    }
    events.push(event);
    offset += frameBytes(event);
  }
  return events;
}
