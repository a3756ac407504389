import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** A server under load, as a process of its own. */
export interface Server extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  readonly dataDir: string;
}

/** The compiled service, yardstick and children. */
export interface Build extends Disposable {
  /** Starts the service; settings are those of the environment. */
  service(settings?: Readonly<Record<string, string>>): Promise<Server>;
  /** Starts the yardstick. */
  yardstick(): Promise<Server>;
  /** The compiled file of a module in bench/, by its name without `.ts`. */
  compiled(name: string): string;
}

/**
 * Compiles into a new directory, as `npm start` does: type stripping would cost the servers
 * memory and slow their forks. Nothing else reads or writes that directory.
 */
export function build(): Build {
  const root = path.resolve(import.meta.dirname, '..');
  const directory = mkdtempSync(path.join(tmpdir(), 'procession-bench-'));
  const dist = path.join(directory, 'dist');
  const tsc = path.join(root, 'node_modules/typescript-7/bin/tsc');
  const project = path.join(root, 'bench/tsconfig.build.json');
  const { status } = spawnSync(process.execPath, [tsc, '-p', project, '--outDir', dist], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('the sources do not compile');
  copyFileSync(path.join(root, 'package.json'), path.join(directory, 'package.json'));
  symlinkSync(path.join(root, 'node_modules'), path.join(directory, 'node_modules'));
  return {
    service: (settings = {}) => startServer(path.join(dist, 'src/main.js'), directory, settings),
    yardstick: () => startServer(path.join(dist, 'bench/yardstick.js'), directory, {}),
    compiled: (name) => path.join(dist, 'bench', `${name}.js`),
    [Symbol.dispose]: () => {
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function startServer(
  file: string,
  directory: string,
  settings: Readonly<Record<string, string>>,
): Promise<Server> {
  const dataDir = mkdtempSync(path.join(directory, 'data-'));
  const { PATH, HOME, LANG } = process.env;
  const own = { PROCESSION_PORT: '0', PROCESSION_DATA_DIR: dataDir };
  const child = spawn(process.execPath, [file], {
    cwd: dataDir,
    env: { PATH, HOME, LANG, ...own, ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const listening = Promise.withResolvers<string>();
  createInterface(child.stdout).on('line', (line) => {
    const url = /"url":"(http:[^"]+)".*"msg":"listening"|"msg":"listening","url":"([^"]+)"/.exec(
      line,
    );
    if (url !== null) listening.resolve(url[1] ?? url[2] ?? '');
  });
  void exited.then(() => {
    listening.reject(new Error('the server ended before it listened'));
  });
  return {
    url: await listening.promise,
    pid: child.pid ?? 0,
    dataDir,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await exited;
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
