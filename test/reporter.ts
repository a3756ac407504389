import { writeSync } from 'node:fs';
import type { SerializedError } from 'vitest';
import type { Reporter, TestModule } from 'vitest/node';

/**
 * Ends the run with one line for machines, `N passed, N failed` (and `, N skipped`), after everything
 * that other reporters and the coverage say. A test that did not run has proved nothing, so a skipped
 * test and an empty file fail the run. A file that could not be loaded, a broken hook and an error
 * outside every test count as failed.
 */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) countModule(module, counts);
    process.once('exit', (code) => {
      const incomplete = counts.failed > 0 || counts.skipped > 0 || counts.passed === 0;
      if (code === 0 && incomplete) process.exitCode = 1;
      writeSync(1, `\n${summary(counts)}\n`);
    });
  }
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

function countModule(module: TestModule, counts: Counts): void {
  const tests = [...module.children.allTests()];
  for (const test of tests) {
    const { state } = test.result();
    counts[state === 'pending' ? 'skipped' : state] += 1;
  }
  const brokenSuites = [...module.children.allSuites()].filter(
    (suite) => suite.errors().length > 0,
  );
  counts.failed += brokenSuites.length;
  if (tests.length === 0 || module.errors().length > 0) counts.failed += 1;
}

function summary({ passed, failed, skipped }: Counts): string {
  const ran = `${passed} passed, ${failed} failed`;
  return skipped === 0 ? ran : `${ran}, ${skipped} skipped`;
}
