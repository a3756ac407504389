import { closeSync, openSync, readSync } from 'node:fs';

/** The first bytes of a file, as many as Linux looks at; see execve(2). Throws a system error. */
export function headOf(file: string): Buffer {
  const head = Buffer.alloc(headBytes);
  const fd = openSync(file, 'r');
  try {
    return head.subarray(0, readSync(fd, head));
  } finally {
    closeSync(fd);
  }
}

const headBytes = 256;
