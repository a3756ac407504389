import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { LocalBackend } from '../../src/backend/local-backend.ts';
import { loadConfig } from '../../src/config.ts';
import { openFilesEngine } from '../../src/engine/files/engine.ts';
import type { ExecBackend } from '../../src/exec-backend.ts';
import { execaSpawner } from '../../src/process/spawn-execa.ts';
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
export function openLocal(settings: Settings = {}): Promise<ExecBackend> {
  const dir = mkdtempSync(path.join(tmpdir(), 'procession-contract-'));
  const config = loadConfig(variablesOf({ DATA_DIR: dir, ...settings }));
  const backend = new LocalBackend({
    engine: openFilesEngine({
      dir,
      retainedBytesMax: config.retainedOutputBytesMax,
      replay: { eventsMax: config.replayEventsMax, bytesMax: config.replayBytesMax },
      tombstoneMs: config.tombstoneMs,
    }),
    spawner: execaSpawner,
    observer,
    log: { info: ignore, error: ignore },
    now: Date.now,
    defaults: {
      cwd: config.cwd,
      environment: process.env,
      graceMs: config.graceMs,
      retentionMs: config.retentionMs,
      owner: config.replicaId,
    },
    stdinLimits: {
      queueBytesMax: config.stdinQueueBytesMax,
      stallMs: config.stdinStallMs,
      writeIdsMax: config.stdinWriteIdsMax,
    },
    processesMax: config.processesMax,
    readerQueueBytesMax: config.readerQueueBytesMax,
  });
  onTestFinished(async () => {
    await backend.drain({ graceMs: 0 });
    await backend.close();
    rmSync(dir, { recursive: true, force: true });
  });
  return Promise.resolve(backend);
}

function variablesOf(settings: Settings): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [`PROCESSION_${name}`, String(value)]),
  );
}
