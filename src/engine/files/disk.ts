import {
  closeSync,
  fdatasync,
  ftruncateSync,
  mkdirSync,
  openSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * All that the file engine asks of the system to change something. A seam: tests let the disk
 * fail here, write short, and lose its power.
 */
export interface Disk {
  /** Opens a file for its owner only. */
  open(path: string, flags: number): number;
  /** Writes some of the bytes, at least one, and says how many. */
  write(fd: number, bytes: Buffer, position: number): number;
  truncate(fd: number, length: number): void;
  close(fd: number): void;
  /** Resolves when what was written so far survives a loss of power. */
  sync(fd: number): Promise<void>;
  /** The same for the names in a directory. */
  syncDirectory(path: string): Promise<void>;
  makeDirectory(path: string): void;
  unlink(path: string): void;
  /** Runs a statement that changes the metadata. */
  change<T>(statement: () => T): T;
}

/** The disk of this host. */
export const hostDisk: Disk = {
  open: (path, flags) => openSync(path, flags, 0o600),
  write: (fd, bytes, position) => writeSync(fd, bytes, 0, bytes.length, position),
  truncate: ftruncateSync,
  close: closeSync,
  sync: promisify(fdatasync),
  async syncDirectory(path) {
    const directory = await open(path, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  },
  makeDirectory(path) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  },
  unlink: unlinkSync,
  change: (statement) => statement(),
};

/** Removes a file nobody refers to any more; one that cannot be removed goes with its directory. */
export function removeFile(disk: Pick<Disk, 'unlink'>, path: string): void {
  try {
    disk.unlink(path);
  } catch {
    // It is looked for again when its log is removed.
  }
}
