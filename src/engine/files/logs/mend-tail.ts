import { constants } from 'node:fs';
import { payloadBytes, seqOf } from '../../../log/event.ts';
import type { Disk } from '../disk.ts';
import { frameBytes } from './frame.ts';
import type { LogLayout, Segment } from './layout.ts';
import { offsetOf, segmentPath } from './layout.ts';
import { readUpTo, writeFully } from './positional.ts';
import type { LogPlace } from './segmented-log.ts';
import { encodeEntries, entryPosition, indexPath } from './seq-index.ts';
import { intactFrames } from './walk-frames.ts';

/** Where a log ends. */
type End = Pick<LogLayout, 'last_seq' | 'total_bytes'>;

/**
 * Finds the end of a log in its last segment. The index is written after the segment, so events
 * may follow that it does not have: it gets those that are whole, and the rest is cut off.
 */
export function mendTail({ disk, directory }: LogPlace, last: Segment, indexed: End): End {
  const beginning = { last_seq: last.first_seq - 1, total_bytes: last.base_bytes };
  const known = indexed.last_seq < beginning.last_seq ? beginning : indexed;
  const path = segmentPath(directory, last);
  const block = readUpTo(path, 0);
  const start = offsetOf(last, known.last_seq + 1, known.total_bytes);
  const tail = [...intactFrames(block, start, known.last_seq + 1)];
  const end = tail.reduce((offset, event) => offset + frameBytes(event), start);
  if (end < block.length)
    mend(disk, path, (fd) => {
      disk.truncate(fd, end);
    });
  const entries = encodeEntries(tail, known.total_bytes);
  mend(disk, indexPath(directory), (fd) => {
    const position = entryPosition(known.last_seq + 1);
    disk.truncate(fd, position);
    writeFully({ disk, fd }, entries, position);
  });
  const final = tail.at(-1);
  return {
    last_seq: final === undefined ? known.last_seq : seqOf(final),
    total_bytes: tail.reduce((sum, event) => sum + payloadBytes(event), known.total_bytes),
  };
}

/** What cannot be mended is passed over by every reader, at the cost of a look at all frames. */
function mend(disk: Disk, path: string, work: (fd: number) => void): void {
  try {
    const fd = disk.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_NONBLOCK);
    try {
      work(fd);
    } finally {
      disk.close(fd);
    }
  } catch {
    // The disk may be full or read-only.
  }
}
