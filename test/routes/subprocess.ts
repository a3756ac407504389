import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { Settings } from '../support/service.ts';
import { eventually } from '../support/eventually.ts';

/** How a program ended, and what it printed. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The service as a program of its own. */
export class ServiceProgram {
  readonly child: ChildProcess;
  /** Resolves at the end of the program. */
  readonly ended: Promise<Ended>;
  #stdout = '';
  #stderr = '';

  constructor(
    command: readonly [string, ...string[]],
    settings: Settings,
    cwd: string = process.cwd(),
  ) {
    const [file, ...args] = command;
    const named = Object.entries({ PORT: 0, ...settings });
    const env = named.map(([name, value]) => [`PROCESSION_${name}`, String(value)]);
    this.child = spawn(file, args, {
      cwd,
      env: { ...process.env, ...(Object.fromEntries(env) as Record<string, string>) },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.child.stdout?.on('data', (text) => (this.#stdout += String(text)));
    this.child.stderr?.on('data', (text) => (this.#stderr += String(text)));
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr });
      });
    });
    onTestFinished(async () => {
      this.signal('SIGKILL');
      await this.ended;
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** The address that it says it listens on. */
  async url(): Promise<string> {
    const lines = await eventually(
      () => logLines(this.#stdout),
      (all) => all.some(({ msg }) => msg === 'listening') || this.child.exitCode !== null,
    );
    const url = lines.find(({ msg }) => msg === 'listening')?.url;
    if (url === undefined) throw new Error(`it did not start: ${this.#stderr}`);
    return url;
  }

  /** Signals its whole process group, as a terminal would. */
  signal(signal: NodeJS.Signals): void {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    process.kill(-this.pid, signal);
  }

  /** Bytes of memory that it holds, and the most that it ever held. */
  memory(): { readonly rss: number; readonly peak: number } {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    const bytes = (name: string): number =>
      1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
    return { rss: bytes('VmRSS'), peak: bytes('VmHWM') };
  }
}

/** Starts the service of the sources, perhaps in another working directory. */
export function startProgram(settings: Settings = {}, cwd?: string): ServiceProgram {
  return new ServiceProgram([process.execPath, path.resolve('src/main.ts')], settings, cwd);
}

/** A directory that is removed at the end of the test. */
export function temporaryDirectory(): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'procession-test-'));
  onTestFinished(() => {
    rmSync(dir, { recursive: true, force: true });
  });
  return dir;
}

/** A line of the log. */
export interface LogLine {
  readonly msg?: string;
  readonly url?: string;
}

/** The lines of a log that are JSON. */
export function logLines(text: string): readonly LogLine[] {
  return text
    .split('\n')
    .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as LogLine] : []));
}
