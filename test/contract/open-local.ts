import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import type { ExecBackend } from '../../src/exec-backend.ts';
import { chooseSpawner } from '../../src/process/choose-spawner.ts';
import { prepareWrapping } from '../../src/process/wrapping/prepare-wrapping.ts';
import { createBackend } from '../../src/service.ts';
import type { Settings } from '../support/service.ts';

function ignore(): void {
  // Nobody looks at it.
}

const observer = {
  started: ignore,
  startFailed: ignore,
  exited: ignore,
  output: ignore,
  evicted: ignore,
  followed: ignore,
  unfollowed: ignore,
};

/** A backend in this process, closed at the end of the test; settings as for a service. */
export async function openLocal(settings: Settings = {}): Promise<ExecBackend> {
  const dir = mkdtempSync(path.join(tmpdir(), 'procession-contract-'));
  const config = loadConfig(variablesOf({ DATA_DIR: dir, ...settings }));
  const { spawner } = await chooseSpawner(config.spawner);
  const log = { info: ignore, error: ignore };
  const { runner, runnerClaims: claims, cwd } = config;
  const asked = { runner, claims, cwd, environment: process.env };
  const wrapping = await prepareWrapping(spawner, asked);
  const backend = createBackend(config, process.env, { log, observer, spawner, wrapping });
  onTestFinished(async () => {
    await backend.drain({ graceMs: 0 });
    await backend.close();
    rmSync(dir, { recursive: true, force: true });
  });
  return backend;
}

function variablesOf(settings: Settings): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [`PROCESSION_${name}`, String(value)]),
  );
}
