import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import path from 'node:path';

/**
 * Throws `ENOENT` for a script whose interpreter is not there. The system says so itself,
 * but behind a wrapper nobody would hear it. A file that cannot be read is let pass.
 */
export function checkInterpreter(file: string, cwd: string): void {
  const [, interpreter] = /^#![ \t]*([^ \t\n\0]+)/.exec(headOf(file)) ?? [];
  if (interpreter === undefined || existsSync(path.resolve(cwd, interpreter))) return;
  throw Object.assign(new Error(`there is no ${interpreter}`), { code: 'ENOENT' });
}

function headOf(file: string): string {
  const head = Buffer.alloc(headBytes);
  try {
    const fd = openSync(file, 'r');
    const bytes = readSync(fd, head);
    closeSync(fd);
    return head.toString('utf8', 0, bytes);
  } catch {
    return '';
  }
}

/** What Linux reads; see execve(2). */
const headBytes = 256;
