// The tests drive real programs of the operating system. Installs the missing ones where that needs
// no question (root on Debian), otherwise says the one line to type. Runs before any test.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian package by the executable that proves it. */
const PACKAGE_OF = {
  chromium: 'chromium',
  curl: 'curl',
  less: 'less',
  top: 'procps',
  vi: 'vim-tiny',
};

const packages = missingPackages();
if (packages.length > 0) install(packages);

function install(packages) {
  const line = ['apt-get', 'install', '-y', '--no-install-recommends', ...packages];
  if (process.getuid?.() !== 0 || !isOnPath('apt-get')) {
    fail(`The tests need ${packages.join(' and ')}. On Debian type: sudo ${line.join(' ')}`);
  }
  process.stdout.write(`The tests need ${packages.join(' and ')}: installing\n`);
  run(['apt-get', 'update']);
  run(line);
  const still = missingPackages();
  if (still.length > 0) fail(`${still.join(' and ')} is still not on the PATH`);
}

function missingPackages() {
  return Object.entries(PACKAGE_OF)
    .filter(([executable]) => !isOnPath(executable))
    .map(([, name]) => name);
}

function isOnPath(executable) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      const file = join(folder, executable);
      accessSync(file, constants.X_OK);
      return statSync(file).isFile();
    } catch {
      return false;
    }
  });
}

function run([command, ...args]) {
  const { status } = spawnSync(command, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status !== 0) fail(`"${[command, ...args].join(' ')}" failed`);
}

function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}
