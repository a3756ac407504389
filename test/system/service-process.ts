import type { ChildProcessByStdio } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Settings } from '../support/service.ts';

const main = path.join(import.meta.dirname, '../../src/main.ts');

/** A service in a process of its own, over a directory that outlives its restarts. */
export class ServiceProcess {
  readonly directory = mkdtempSync(path.join(tmpdir(), 'procession-system-'));
  readonly #settings: Settings;
  #child: ChildProcessByStdio<null, Readable, null> | null = null;
  #url = '';

  private constructor(settings: Settings) {
    this.#settings = settings;
  }

  static async start(settings: Settings): Promise<ServiceProcess> {
    const service = new ServiceProcess(settings);
    await service.run();
    return service;
  }

  get url(): string {
    return this.#url;
  }

  /** Of the process that runs now. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Runs it, on the port that it had before. */
  async run(): Promise<void> {
    const PORT = this.#url === '' ? 0 : Number(new URL(this.#url).port);
    const named = { DATA_DIR: path.join(this.directory, 'data'), PORT, ...this.#settings };
    const child = spawn(process.execPath, [main], {
      cwd: this.directory,
      env: { ...process.env, ...environmentOf(named) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    this.#url = await listeningUrl(child.stdout);
  }

  /** SIGTERM; resolves with the exit code when it is gone. */
  async terminate(): Promise<number | null> {
    const child = this.#child;
    if (child === null) return null;
    this.#child = null;
    const { promise, resolve } = Promise.withResolvers<number | null>();
    child.once('exit', resolve);
    child.kill('SIGTERM');
    return promise;
  }

  async remove(): Promise<void> {
    await this.terminate();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function environmentOf(settings: Settings): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [`PROCESSION_${name}`, String(value)]),
  );
}

async function listeningUrl(stdout: Readable): Promise<string> {
  for await (const line of createInterface({ input: stdout })) {
    const [, url] = /"url":"([^"]+)","msg":"listening"/.exec(line) ?? [];
    if (url === undefined) continue;
    stdout.resume();
    return url;
  }
  throw new Error('the service ended before it listened');
}
