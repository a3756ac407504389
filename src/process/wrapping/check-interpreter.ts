import { existsSync } from 'node:fs';
import path from 'node:path';
import { headOf } from '../head-of.ts';

/**
 * Throws `ENOENT` for a script whose interpreter is not there. The system says so itself,
 * but behind a wrapper nobody would hear it. A file that cannot be read is let pass.
 */
export function checkInterpreter(file: string, cwd: string): void {
  const [, interpreter] = /^#![ \t]*([^ \t\n\0]+)/.exec(textAtHead(file)) ?? [];
  if (interpreter === undefined || existsSync(path.resolve(cwd, interpreter))) return;
  throw Object.assign(new Error(`there is no ${interpreter}`), { code: 'ENOENT' });
}

function textAtHead(file: string): string {
  try {
    return headOf(file).toString('utf8');
  } catch {
    return '';
  }
}
