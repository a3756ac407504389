import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { allocate } from '../../../log/memory.ts';
import type { Disk } from '../disk.ts';

/** Writes all of `bytes` at `position`, however many writes that takes. */
export function writeFully(
  { disk, fd }: { readonly disk: Pick<Disk, 'write'>; readonly fd: number },
  bytes: Buffer,
  position: number,
): void {
  for (let done = 0; done < bytes.length;) {
    done += disk.write(fd, bytes.subarray(done), position + done);
  }
}

/**
 * Reads the bytes of a file from `position` on, at most `length`: fewer when it ends before, none
 * when it is not there or not a file.
 */
export function readUpTo(path: string, position: number, length = Infinity): Buffer {
  const fd = openIfThere(path);
  if (fd === null) return Buffer.alloc(0);
  try {
    const stat = fstatSync(fd);
    const rest = stat.isFile() ? Math.max(0, stat.size - position) : 0;
    const bytes = allocate(Math.max(0, Math.min(length, rest)));
    let done = 0;
    while (done < bytes.length) {
      const count = readSync(fd, bytes, done, bytes.length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done === bytes.length ? bytes : bytes.subarray(0, done);
  } finally {
    closeSync(fd);
  }
}

const missingCodes = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);

/** Whether something is not where it should be, rather than out of reach. */
export function isMissing(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return typeof error.code === 'string' && missingCodes.has(error.code);
}

/** Does not wait for the writer of what may be a pipe. */
function openIfThere(path: string): number | null {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
