import { statSync } from 'node:fs';
import type { ClosedEvent, ExitedEvent } from '../../../log/event.ts';
import type { ReplayBounds } from '../../../log/replay-window.ts';
import { ReplayWindow } from '../../../log/replay-window.ts';
import { findSegments } from './find-segments.ts';
import type { LogLayout } from './layout.ts';
import { emptyLayout, extentsOf, segmentHeaderBytes, segmentPath } from './layout.ts';
import { mendTail } from './mend-tail.ts';
import { readUpTo } from './positional.ts';
import type { LogBounds, LogPlace } from './segmented-log.ts';
import { lastIndexed, readTotals } from './seq-index.ts';
import { walkFrames } from './walk-frames.ts';

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
    return { layout: { ...emptyLayout, ...indexed }, exited: null, closed: null, writtenAt: 0 };
  }
  const extent = { ...mendTail(place, last, indexed), segments };
  const layout = { ...extent, first_replay_seq: firstReplaySeq(directory, extent, replay) };
  const { mtimeMs } = statSync(segmentPath(directory, last));
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

/** Looks at the last segment only: an exit before it was told to the row, too. */
function endsIn(directory: string, layout: LogLayout): Pick<RecoveredLog, 'exited' | 'closed'> {
  let [exited, closed]: [ExitedEvent | null, ClosedEvent | null] = [null, null];
  for (const extent of extentsOf(layout).slice(-1)) {
    const block = readUpTo(segmentPath(directory, extent), 0);
    const frames = { block, start: segmentHeaderBytes, extent, positionOf: () => null };
    for (const event of walkFrames(frames)) {
      if (event.type === 'exited') exited = event;
      if (event.type === 'closed') closed = event;
    }
  }
  return { exited, closed };
}
