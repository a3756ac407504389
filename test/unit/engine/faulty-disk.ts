import type { Disk } from '../../../src/engine/files/disk.ts';
import { hostDisk } from '../../../src/engine/files/disk.ts';

/** What becomes of a call by its number, counted from 1; null lets it through. */
export type Fault = (call: number) => 'EIO' | 'ENOSPC' | 'short' | null;

/** A disk where calls fail; to force something to it costs nothing. */
export interface FaultyDisk {
  readonly disk: Disk;
  /** How many calls there were. */
  readonly calls: () => number;
}

/** Counts all calls but closes. One that is `short` writes a part, and does nothing elsewhere. */
export function faultyDisk(fault: Fault): FaultyDisk {
  let calls = 0;
  const count = (): boolean => {
    calls += 1;
    const outcome = fault(calls);
    if (outcome === null) return false;
    if (outcome === 'short') return true;
    throw Object.assign(new Error(`call ${calls} fails with ${outcome}`), { code: outcome });
  };
  const disk: Disk = {
    open(path, flags) {
      count();
      return hostDisk.open(path, flags);
    },
    write(fd, bytes, position) {
      const part = count() ? bytes.subarray(0, Math.ceil(bytes.length / 2)) : bytes;
      return hostDisk.write(fd, part, position);
    },
    truncate(fd, length) {
      count();
      hostDisk.truncate(fd, length);
    },
    close(fd) {
      hostDisk.close(fd);
    },
    sync: () => Promise.try(count).then(() => undefined),
    syncDirectory: () => Promise.try(count).then(() => undefined),
    makeDirectory(path) {
      count();
      hostDisk.makeDirectory(path);
    },
    unlink(path) {
      count();
      hostDisk.unlink(path);
    },
    change(statement) {
      count();
      return statement();
    },
  };
  return { disk, calls: () => calls };
}
