import { statSync } from 'node:fs';
import type { AppendedEvent, ClosedEvent, ExitedEvent } from '../../../log/event.ts';
import { payloadBytes } from '../../../log/event.ts';
import type { ReplayBounds } from '../../../log/replay-window.ts';
import { ReplayWindow } from '../../../log/replay-window.ts';
import { findSegments } from './find-segments.ts';
import type { LogLayout } from './layout.ts';
import { emptyLayout, extentsOf, segmentHeaderBytes, segmentPath } from './layout.ts';
import { mendTail } from './mend-tail.ts';
import { readUpTo } from './positional.ts';
import type { LogBounds, LogPlace } from './segmented-log.ts';
import { lastIndexed, readTotals } from './seq-index.ts';
import { intactFrames, walkFrames } from './walk-frames.ts';

/** A log as its files tell it. */
export interface RecoveredLog {
  readonly layout: LogLayout;
  /** The exit and the close, if they are among the newest events. */
  readonly exited: ExitedEvent | null;
  readonly closed: ClosedEvent | null;
  /** When it was written to last, in milliseconds since 1970. */
  readonly writtenAt: number;
}

/**
 * Finds out what a log holds whose service has died. What was appended last and is not whole is
 * cut off: nobody was given it. What the index knows and no segment has stays a gap. An empty log
 * when there are no files.
 */
export function recoverLog(place: LogPlace, { replay }: LogBounds): RecoveredLog {
  const { directory } = place;
  const last_seq = lastIndexed(directory);
  const indexed = {
    last_seq,
    total_bytes: readTotals(directory, last_seq, last_seq)(last_seq) ?? 0,
  };
  const segments = findSegments(directory);
  const last = segments.at(-1);
  if (last === undefined) {
    return { ...nothingRecovered, layout: { ...emptyLayout, ...indexed } };
  }
  const { mtimeMs } = statSync(segmentPath(directory, last));
  const extent = { ...mendTail(place, last, indexed), segments };
  const layout = { ...extent, first_replay_seq: firstReplaySeq(directory, extent, replay) };
  return { layout, ...endsIn(directory, layout), writtenAt: Math.round(mtimeMs) };
}

function firstReplaySeq(
  directory: string,
  { last_seq }: Pick<LogLayout, 'last_seq'>,
  bounds: ReplayBounds,
): number {
  const from = Math.max(1, last_seq - bounds.eventsMax);
  const totalAt = readTotals(directory, from - 1, last_seq);
  const window = new ReplayWindow(bounds, from);
  for (let seq = from; seq <= last_seq; seq += 1) {
    const [before, after] = [totalAt(seq - 1), totalAt(seq)];
    // With a damaged index the replay is short: everything can be read as retained output.
    if (before === null || after === null) return last_seq;
    window.push(after - before);
  }
  return window.firstSeq;
}

/** More than one append has: an exit before them was told to the row. */
const newestBytes = 2 * 1024 * 1024;

/** Looks at the newest segments, until the exit is found. */
function endsIn(directory: string, layout: LogLayout): Ends {
  const ends: Ends = { exited: null, closed: null };
  for (const extent of extentsOf(layout).toReversed()) {
    const block = readUpTo(segmentPath(directory, extent), 0);
    findEnds(
      walkFrames({ block, start: segmentHeaderBytes, extent, positionOf: () => null }),
      ends,
    );
    if (ends.exited !== null || layout.total_bytes - extent.base_bytes > newestBytes) break;
  }
  return ends;
}

interface Ends {
  exited: ExitedEvent | null;
  closed: ClosedEvent | null;
}

function findEnds(events: Iterable<AppendedEvent>, ends: Ends): void {
  for (const event of events) {
    if (event.type === 'exited') ends.exited = event;
    if (event.type === 'closed') ends.closed = event;
  }
}

/** The same for a log in a row of which nothing else is known; at most what is intact. */
export function recoverFrames(frames: Buffer, { replay }: LogBounds): RecoveredLog {
  const ends: Ends = { exited: null, closed: null };
  const events = [...intactFrames(frames, 0, 1)];
  findEnds(events, ends);
  const window = new ReplayWindow(replay);
  for (const event of events) window.push(payloadBytes(event));
  const layout = {
    last_seq: events.length,
    total_bytes: events.reduce((sum, event) => sum + payloadBytes(event), 0),
    first_replay_seq: window.firstSeq,
    segments: [{ first_seq: 1, base_bytes: 0 }],
  };
  return { layout, ...ends, writtenAt: Date.now() };
}

/** What is known of a log that is not there. */
export const nothingRecovered: RecoveredLog = {
  layout: emptyLayout,
  exited: null,
  closed: null,
  writtenAt: 0,
};
