import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { buffersOf, call, keepAlive } from '../client.ts';
import { cpuSeconds } from '../proc.ts';
import type { Build, Server } from '../servers.ts';
import type { Order, Starts } from './keep-starting.ts';
import { keepStarting, parseStarts } from './keep-starting.ts';

/** Who starts the children of a service. */
export type SpawnerName = 'posix' | 'execa';

/** A way to start children. */
export interface Way {
  /** Null: each order has a process of its own. */
  readonly pid: number | null;
  readonly run: (order: Order) => Promise<Starts>;
}

/** The least that a machine needs: posix_spawn in C, in a process of `bytes`. */
export function inC(file: string, bytes: number): Way {
  return {
    pid: null,
    async run({ argv, inFlight, ms }) {
      const child = spawn(file, [String(inFlight), String(ms), String(bytes), ...argv], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
      return parseStarts(line);
    },
  };
}

/** The spawner alone, or with the backend over it, in a process of its own, larger by `bytes`. */
export function inProcess(
  build: Build,
  { part, spawner, bytes }: { part: 'spawner' | 'backend'; spawner: SpawnerName; bytes: number },
): Way & AsyncDisposable {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'procession-bench-starter-'));
  const file = build.compiled('starts/starter');
  // As src/main.ts does.
  const flags = ['--semi-space-growth-factor=1', '--import', ballastUrl(build)];
  const child = spawn(process.execPath, [...flags, file, part, spawner, dataDir], {
    env: { ...process.env, BENCH_BALLAST_BYTES: String(bytes) },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines = createInterface(child.stdout);
  return {
    pid: child.pid ?? 0,
    async run(order) {
      child.stdin.write(`${JSON.stringify(order)}\n`);
      const [line] = (await once(lines, 'line')) as [string];
      return parseStarts(line);
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exited;
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** A service that is larger by `bytes`. */
export function serviceOf(build: Build, spawner: SpawnerName, bytes: number): Promise<Server> {
  return build.service({
    PROCESSION_SPAWNER: spawner,
    NODE_OPTIONS: `--import ${ballastUrl(build)}`,
    BENCH_BALLAST_BYTES: String(bytes),
  });
}

/** The whole service: a start is over when its response is, which is its output. */
export function overHttp({ url, pid }: Server): Way {
  return {
    pid,
    async run(order) {
      const agent = keepAlive(order.inFlight);
      const startOne = async (argv: readonly string[], onOutput: () => void): Promise<void> => {
        const start = { accept: 'text/plain', body: { argv }, agent };
        const response = await call(`${url}/processes`, start);
        for await (const piece of buffersOf(response)) if (piece.length > 0) onOutput();
      };
      const starts = await keepStarting(startOne, order, () => cpuSeconds(pid));
      agent.destroy();
      return starts;
    },
  };
}

function ballastUrl(build: Build): string {
  return pathToFileURL(build.compiled('starts/ballast')).href;
}
