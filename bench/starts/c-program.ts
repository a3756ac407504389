import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Result } from '../report.ts';

/** A program of bench/children, compiled into a directory of its own. */
export interface CProgram extends Disposable {
  readonly file: string;
}

/** Compiles `children/<name>.c` with the system's `cc`; see {@link missingCompiler}. */
export function compileC(name: string): CProgram {
  const directory = mkdtempSync(path.join(tmpdir(), 'procession-bench-c-'));
  const source = path.join(import.meta.dirname, '../children', `${name}.c`);
  const file = path.join(directory, name);
  const { status } = spawnSync('cc', ['-O2', '-Wall', '-Wextra', '-o', file, source], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`${source} does not compile`);
  return {
    file,
    [Symbol.dispose]: () => {
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** What to report where there is no C compiler; null where there is one. */
export function missingCompiler(): Result | null {
  if (spawnSync('cc', ['--version']).status === 0) return null;
  const value = 'This needs cc, a C compiler. On Debian type: sudo apt-get install gcc libc6-dev';
  return { figure: 'not measured', value, criterion: 'cc is there', holds: false };
}
