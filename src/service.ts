import type { Logger } from 'pino';
import openApi from '../openapi/openapi.json' with { type: 'json' };
import { buildApp } from './app.ts';
import type { LocalBackendOptions } from './backend/local-backend.ts';
import { LocalBackend } from './backend/local-backend.ts';
import type { Config, Environment } from './config.ts';
import { openFilesEngine } from './engine/files/engine.ts';
import type { StoreRepairs } from './engine/files/repair-store.ts';
import { Metrics } from './http/metrics.ts';
import type { HealthState } from './http/route-context.ts';
import type { Server } from './http/server.ts';
import { chooseSpawner } from './process/choose-spawner.ts';
import { prepareWrapping } from './process/wrapping/prepare-wrapping.ts';
import { noWrapping } from './process/wrapping/wrap.ts';

/** The service on one host, its port not open yet. */
export interface Service {
  readonly app: Server;
  /** What starts the children, see `PROCESSION_SPAWNER`. */
  readonly spawner: 'posix' | 'execa';
  /**
   * Ends streams abruptly and children by policy, then closes the port and the store.
   * Resolves when nothing is left.
   */
  stop(): Promise<void>;
  /** Kills every child at once, for an end that waits for nothing. */
  killAll(): void;
}

/** How long connections may take to send their last bytes when the service stops. */
const lastBytesMsMax = 1000;

/** Puts the parts of the service together. Children inherit from `environment`. */
export async function createService(
  config: Config,
  environment: Environment,
  log: Logger,
): Promise<Service> {
  const metrics = new Metrics();
  const { name, spawner } = await chooseSpawner(config.spawner);
  const { runner, runnerClaims: claims, cwd } = config;
  const wrapping = await prepareWrapping(spawner, { runner, claims, cwd, environment });
  if (runner.length > 0) log.info({ claims }, 'runner tested');
  const backend = createBackend(config, environment, { log, observer: metrics, spawner, wrapping });
  metrics.observe({ running: () => backend.runningCount, isDegraded: () => backend.isDegraded });
  await backend.beginWithOrphans(config.orphans);
  const health = (): HealthState => {
    if (backend.isDraining) return 'draining';
    return backend.isDegraded ? 'degraded' : 'ready';
  };
  const app = await buildApp({ config, backend, metrics, log, health, openApi });
  return {
    app,
    spawner: name,
    killAll() {
      backend.killAll();
    },
    async stop() {
      await backend.drain({ graceMs: config.shutdownGraceMs });
      const closing = app.close();
      const cutting = setTimeout(() => {
        app.server.closeAllConnections();
      }, lastBytesMsMax);
      await closing;
      clearTimeout(cutting);
      await backend.close();
    },
  };
}

/** What a backend needs beside settings; without a wrapping no restriction can be kept. */
type BackendParts = Pick<LocalBackendOptions, 'log' | 'observer' | 'spawner'> &
  Partial<Pick<LocalBackendOptions, 'wrapping'>>;

/** A backend on the embedded engine, with what tells of it and what starts its children. */
export function createBackend(
  config: Config,
  environment: Environment,
  parts: BackendParts,
): LocalBackend {
  return new LocalBackend({
    engine: openFilesEngine({
      dir: config.dataDir,
      retainedBytesMax: config.retainedOutputBytesMax,
      replay: { eventsMax: config.replayEventsMax, bytesMax: config.replayBytesMax },
      tombstoneMs: config.tombstoneMs,
      dataBytesMax: config.dataBytesMax,
      fsync: config.fsync,
      onRepaired: (repairs) => {
        logRepairs(parts.log, repairs);
      },
    }),
    onStoreError: config.onStoreError,
    wrapping: noWrapping,
    ...parts,
    now: Date.now,
    defaults: {
      cwd: config.cwd,
      environment,
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
}

function logRepairs(log: BackendParts['log'], repairs: StoreRepairs): void {
  const { recovered, lost, damagedPath, unknownLogs } = repairs;
  if (unknownLogs > 0) log.error({ logs: unknownLogs }, 'logs of no process');
  if (recovered > 0) log.info({ processes: recovered }, 'recovered after a crash');
  if (lost > 0 || damagedPath !== null) {
    log.error({ processes_lost: lost, kept_at: damagedPath }, 'metadata was damaged');
  }
}
