// A registry that mirrors only some platforms leaves optional platform packages out of the lock,
// and `npm ci` then refuses the lock that `npm install` just wrote ("Missing: x@ from lock file").
// This adds a stub entry for each of them, restricted to the platform in its name, so that
// `npm ci` skips it here. Run by `npm run lock`.
import { readFileSync, writeFileSync } from 'node:fs';

const LOCK = new URL('../package-lock.json', import.meta.url);
const SYSTEMS = 'aix android darwin freebsd linux netbsd openbsd openharmony sunos win32'.split(
  ' ',
);
const PROCESSORS = 'arm arm64 ia32 loong64 mips64el ppc64 riscv64 s390x wasm32 x64'.split(' ');
const LIBRARIES = { gnu: 'glibc', glibc: 'glibc', musl: 'musl' };

const lock = JSON.parse(readFileSync(LOCK, 'utf8'));
const stubs = missingOptionalPackages(lock.packages);
Object.assign(lock.packages, stubs);
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(byPath));
writeFileSync(LOCK, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`fixlock: ${Object.keys(stubs).length} stub entries added\n`);

function missingOptionalPackages(packages) {
  const stubs = {};
  for (const [path, entry] of Object.entries(packages)) {
    for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
      if (!isLocked(packages, path, name)) stubs[`node_modules/${name}`] = stub(name, range, entry);
    }
  }
  return stubs;
}

function isLocked(packages, path, name) {
  const folders = path === '' ? [] : path.split('/node_modules/');
  for (let depth = folders.length; depth >= 1; depth -= 1) {
    if (packages[`${folders.slice(0, depth).join('/node_modules/')}/node_modules/${name}`])
      return true;
  }
  return packages[`node_modules/${name}`] !== undefined;
}

function stub(name, range, parent) {
  const words = name.split(/[^a-z0-9]+/);
  const os = SYSTEMS.filter(
    (system) => words.includes(system) || (system === 'win32' && words.includes('windows')),
  );
  const cpu = PROCESSORS.filter((processor) => words.includes(processor));
  const libc = Object.keys(LIBRARIES).filter((word) => words.includes(word));
  if (os.length === 0 && cpu.length === 0) {
    throw new Error(`fixlock: ${name} is missing and its name says no platform to restrict it to`);
  }
  return {
    version: range.replace(/^[^0-9]*/, ''),
    ...(cpu.length > 0 && { cpu }),
    ...(parent.dev && { dev: true }),
    ...(libc.length > 0 && { libc: libc.map((word) => LIBRARIES[word]) }),
    optional: true,
    ...(os.length > 0 && { os }),
  };
}

function byPath([a], [b]) {
  return a.localeCompare(b, 'en');
}
