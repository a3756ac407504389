import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { createService } from '../../src/service.ts';

/** A service in this process, on a free port of the loopback, over a directory of its own. */
export interface TestService {
  readonly url: string;
  readonly dataDir: string;
  readonly stop: () => Promise<void>;
}

/** Settings by their names without `PROCESSION_`. */
export type Settings = Readonly<Record<string, string | number>>;

/** Starts a service that is stopped at the end of the test. */
export async function startService(settings: Settings = {}): Promise<TestService> {
  const service = await openService(settings);
  onTestFinished(service.stop);
  return service;
}

/** Starts a service that the caller stops. */
export async function openService(settings: Settings = {}): Promise<TestService> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'procession-test-'));
  const named = Object.entries({ DATA_DIR: dataDir, SHUTDOWN_GRACE_MS: 100, ...settings });
  const config = loadConfig(
    Object.fromEntries(named.map(([name, value]) => [`PROCESSION_${name}`, String(value)])),
  );
  const service = await createService(config, process.env, pino({ level: 'silent' }));
  await service.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = service.app.server.address() as AddressInfo;
  let stopped: Promise<void> | undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    dataDir,
    stop: () =>
      (stopped ??= service.stop().finally(() => {
        rmSync(dataDir, { recursive: true, force: true });
      })),
  };
}
