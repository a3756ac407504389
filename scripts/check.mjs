// Everything that must hold before a commit, the quick steps first. A failed step does not hide the
// later ones: all of them run, and the run fails at its end. The tests are last, so that their count
// is the last line of the output.
import { spawnSync } from 'node:child_process';

const STEPS = [
  'format:check',
  'typecheck',
  'deps',
  'deadcode',
  'openapi:check',
  'lint',
  'test:run',
];

const failed = [];
for (const step of STEPS) {
  process.stdout.write(`\n== ${step} ==\n`);
  const { status } = spawnSync('npm', ['run', '--silent', step], { stdio: 'inherit' });
  if (status !== 0) failed.push(step);
}
if (failed.length > 0) {
  process.stderr.write(`check failed in: ${failed.join(', ')}\n`);
  process.exitCode = 1;
}
