import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../engine.ts';
import type { Closable } from './closable.ts';
import { closeAll } from './closable.ts';
import { lockDirectory } from './directory-lock.ts';
import type { Disk } from './disk.ts';
import { hostDisk } from './disk.ts';
import type { FsyncPolicy } from './durability.ts';
import { Durability } from './durability.ts';
import { FilesEngine } from './files-engine.ts';
import { LogStore } from './log-store.ts';
import { Metadata } from './metadata/metadata.ts';
import { requireMetadata } from './metadata/require-metadata.ts';
import type { StoreRepairs } from './repair-store.ts';
import { repairStore } from './repair-store.ts';
import type { LogBounds } from './logs/segmented-log.ts';
import { steadyClock } from './steady-clock.ts';

/** Where the embedded store is, how much it keeps, and how safe that is. */
export interface FilesEngineOptions extends LogBounds {
  readonly dir: string;
  /** Most bytes of the files of all logs; unbounded unless given. */
  readonly dataBytesMax?: number;
  /** When what was appended is forced to the disk; `exit` unless given. */
  readonly fsync?: FsyncPolicy;
  /** How long the id of a removed process is `expired`; an hour unless given. */
  readonly tombstoneMs?: number;
  /** The clock that retention goes by, in milliseconds; one that never jumps unless given. */
  readonly now?: () => number;
  readonly disk?: Disk;
  /** Told once what had to be repaired. */
  readonly onRepaired?: (repairs: StoreRepairs) => void;
}

/**
 * Opens the store in `dir`, which is made when it is missing, and repairs what a crash or a damaged
 * disk has left. Throws in one sentence when it cannot be used.
 */
export function openFilesEngine(options: FilesEngineOptions): Engine {
  const { dir, disk = hostDisk, fsync = 'exit', dataBytesMax = Infinity, onRepaired } = options;
  const path = join(dir, 'metadata.sqlite');
  mkdirSync(join(dir, 'logs'), { recursive: true, mode: 0o700 });
  const opened: Closable[] = [lockDirectory(dir)];
  try {
    requireMetadata(path, join(dir, 'logs'));
    const metadata = opening(opened, new Metadata(path, disk));
    const now = options.now ?? steadyClock(metadata);
    const store = { metadata, disk, directory: join(dir, 'logs'), bounds: options, now };
    const tombstoneMs = options.tombstoneMs ?? 3_600_000;
    const repairs = repairStore(store, tombstoneMs);
    const durability = opening(opened, new Durability(fsync, disk, `${path}-wal`));
    const logs = opening(opened, new LogStore({ ...store, dataBytesMax, durability }));
    onRepaired?.(repairs);
    return new FilesEngine({
      disk,
      probePath: join(dir, 'probe'),
      tombstoneMs,
      now,
      metadata,
      durability,
      logs,
      opened,
    });
  } catch (error) {
    closeAll(opened);
    throw error;
  }
}

function opening<T extends Closable>(opened: Closable[], part: T): T {
  opened.push(part);
  return part;
}
