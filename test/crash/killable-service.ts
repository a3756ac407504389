import type { ChildProcessByStdio } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from '../support/service.ts';

const main = path.join(import.meta.dirname, '../../src/main.ts');

/** How long a service may take to listen. */
const listenMsMax = 30_000;

/** One life of a service: from its start to its kill. */
export class KillableService {
  readonly #child: ChildProcessByStdio<null, Readable, null>;
  readonly #exit: Promise<void>;
  readonly #listening: Promise<string | null>;

  constructor(settings: Settings, cwd: string) {
    const named = Object.entries({ PORT: 0, ...settings });
    const variables = named.map(([name, value]) => [`PROCESSION_${name}`, String(value)]);
    this.#child = spawn(process.execPath, [main], {
      cwd,
      env: { ...process.env, ...(Object.fromEntries(variables) as Record<string, string>) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#exit = new Promise((resolve) => {
      this.#child.once('exit', () => {
        resolve();
      });
    });
    this.#listening = listeningUrl(this.#child.stdout);
  }

  /** Resolves with its URL when it listens; it must not end before. */
  async url(): Promise<string> {
    const giveUp = new AbortController();
    const late = sleep(listenMsMax, null, { signal: giveUp.signal }).catch(() => null);
    const url = await Promise.race([this.#listening, late]);
    giveUp.abort();
    if (url === null) throw new Error('the service did not start on what its crash has left');
    return url;
  }

  /** SIGKILL, at once. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Waits until it is gone. */
  async gone(): Promise<void> {
    await this.#exit;
    await this.#listening;
  }

  /**
   * Kills it some time after it has first touched the directory that it starts on: then it
   * recovers. Or at the latest when it listens.
   */
  async killWhileStarting(directory: string, afterMs: number): Promise<void> {
    const over = new AbortController();
    const { signal } = over;
    const touched = once(watch(directory, { recursive: true, signal }), 'change', { signal })
      .then(() => sleep(afterMs, null, { signal }))
      .catch(() => null);
    await Promise.race([this.#listening, touched]);
    this.kill();
    over.abort();
    await this.gone();
  }
}

async function listeningUrl(stdout: Readable): Promise<string | null> {
  for await (const line of createInterface({ input: stdout })) {
    const [, url] = /"url":"([^"]+)","msg":"listening"/.exec(line) ?? [];
    if (url === undefined) continue;
    stdout.resume();
    return url;
  }
  return null;
}
