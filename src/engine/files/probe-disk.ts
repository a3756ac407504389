import { constants } from 'node:fs';
import type { Disk } from './disk.ts';
import { removeFile } from './disk.ts';
import { writeFully } from './logs/positional.ts';

const probeBytes = 64 * 1024;

/** Writes a file of some size and removes it; throws when the disk does not take it. */
export function probeOf(disk: Disk, path: string): () => void {
  return () => {
    const fd = disk.open(path, constants.O_WRONLY | constants.O_CREAT);
    try {
      writeFully({ disk, fd }, Buffer.alloc(probeBytes), 0);
    } finally {
      disk.close(fd);
      removeFile(disk, path);
    }
  };
}
