import { join } from 'node:path';
import type { Exited, Lifecycle } from '../../log/lifecycle.ts';
import { advance, endedAt, exitedPart } from '../../log/lifecycle.ts';
import type { Disk } from './disk.ts';
import type { Metadata } from './metadata/metadata.ts';
import type { RecoveredLog } from './logs/recover-log.ts';
import { nothingRecovered, recoverFrames, recoverLog } from './logs/recover-log.ts';
import type { RowChange, StoredRow } from './metadata/rows.ts';
import type { LogBounds, LogPlace } from './logs/segmented-log.ts';

/** A store that a service has left without closing it. */
export interface LeftStore {
  readonly metadata: Metadata;
  readonly disk: Disk;
  /** Where the directories of the logs are. */
  readonly directory: string;
  readonly bounds: LogBounds;
  /** The clock that retention goes by. */
  readonly now: () => number;
}

const message = 'the service was restarted while the process was running';

/**
 * Gives each process that was not over its true state: `closed` when its log says so, else
 * `failed`, with its exit if that is known. Its log holds all that any reader was given.
 */
export function recoverProcesses({ metadata, now, ...store }: LeftStore): number {
  const rows = [...metadata.unfinished()];
  metadata.together(() => {
    for (const row of rows) {
      const change = changeOf(row, store);
      const agoMs = Math.max(0, Date.now() - (endedAt(change.lifecycle) ?? 0));
      const ends_at = now() + Math.max(0, row.record.retention_ms - agoMs);
      metadata.update(row.record, { ...change, ends_at });
      metadata.leavings.noteOrphans(row.record);
    }
  });
  return rows.length;
}

function changeOf(
  row: StoredRow,
  { disk, directory: logs, bounds }: Omit<LeftStore, 'metadata' | 'now'>,
): Omit<RowChange, 'ends_at'> {
  const directory = join(logs, row.record.incarnation);
  // A damaged state was taken for unknown, and nothing but the frames of a small log is left.
  const isStateLost = row.layout === null && row.frames !== null && row.frames.length > 0;
  const log = isStateLost
    ? recoverFrames(row.frames, bounds)
    : recoverReadable({ disk, directory }, bounds);
  const lifecycle = lifecycleOf(row.lifecycle, log);
  if (isStateLost) return { lifecycle, layout: log.layout, frames: row.frames };
  // A log that was about to move into files is whole in its row until they have all of it.
  const isRowAhead =
    row.frames !== null && row.layout !== null && row.layout.last_seq > log.layout.last_seq;
  if (isRowAhead) return { lifecycle, layout: row.layout, frames: row.frames };
  // Of an exit the row knows also when no file has it any more.
  const last_seq = Math.max(log.layout.last_seq, exitedPart(row.lifecycle)?.exit_seq ?? 0);
  return { lifecycle, layout: { ...log.layout, last_seq }, frames: null };
}

/** One log that cannot be read is lost, and keeps nobody from the others. */
function recoverReadable(place: LogPlace, bounds: LogBounds): RecoveredLog {
  try {
    return recoverLog(place, bounds);
  } catch {
    return nothingRecovered;
  }
}

function lifecycleOf(lifecycle: Lifecycle, { exited, closed, writtenAt }: RecoveredLog): Lifecycle {
  const at = Date.now();
  const known =
    lifecycle.state === 'running' && exited !== null ? exitedBy(exited, writtenAt) : lifecycle;
  if (closed === null || known.state !== 'exited') {
    return advance(known, { type: 'failed', message, failure_reason: 'server_restarted', at });
  }
  const { seq, output_incomplete } = closed;
  return advance(known, { type: 'closed', seq, at: writtenAt, output_incomplete });
}

function exitedBy(
  { seq, exit_code, signal, exit_reason }: NonNullable<RecoveredLog['exited']>,
  at: number,
): Exited {
  return {
    state: 'exited',
    exit: { exit_code, signal, exit_reason },
    exit_seq: seq,
    exited_at: at,
  };
}
