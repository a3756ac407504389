import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { allocate } from '../../log/memory.ts';

/** Writes all of `bytes` at `position`, however many writes that takes. */
export function writeFully(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
  }
}

/** Reads exactly `length` bytes at `position`. Throws before allocating when the file is shorter. */
export function readExactly(path: string, position: number, length: number): Buffer {
  const fd = openSync(path, 'r');
  try {
    if (length < 0 || position + length > fstatSync(fd).size) throw tooShort(path, position);
    const bytes = allocate(length);
    for (let done = 0; done < length;) {
      const count = readSync(fd, bytes, done, length - done, position + done);
      if (count === 0) throw tooShort(path, position);
      done += count;
    }
    return bytes;
  } finally {
    closeSync(fd);
  }
}

function tooShort(path: string, position: number): Error {
  return new Error(`damaged log: ${path} does not hold what is expected at offset ${position}`);
}
