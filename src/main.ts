import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { Logger } from 'pino';
import { pino } from 'pino';
import type { Config } from './config.ts';
import { loadConfig, ownEnvironment } from './config.ts';
import type { Service } from './service.ts';
import { createService } from './service.ts';

async function main(): Promise<void> {
  // Strings on their way to readers would let the young generation grow to 128 MiB, and each
  // fork copies the page tables of all that. From here on it keeps the size it has.
  setFlagsFromString('--semi-space-growth-factor=1');
  const environment = ownEnvironment();
  const config = loadConfig(environment);
  const log = pino({
    level: config.logLevel,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
  });
  makeDataDirectory(config);
  const service = await createService(config, environment, log);
  stopOnSignals(service, config, log);
  const { host, port } = config;
  await service.app.listen({ host, port, listenTextResolver: () => 'port open' });
  announce(service, config, log);
}

function makeDataDirectory({ dataDir }: Config): void {
  try {
    makeDirectories(dataDir);
    // As a directory: whatever else is there has no `.` in it.
    accessSync(path.join(dataDir, '.') + path.sep, constants.W_OK);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`PROCESSION_DATA_DIR must be a directory to write to: ${reason}`, { cause });
  }
}

/** One by one from the top: Node's own way never ends below `/proc`. */
function makeDirectories(directory: string): void {
  if (existsSync(directory)) return;
  makeDirectories(path.dirname(directory));
  mkdirSync(directory, { mode: 0o700 });
}

/** The first signal drains, a later one ends at once. */
function stopOnSignals(service: Service, config: Config, log: Logger): void {
  let stoppingAt: number | null = null;
  const stop = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    if (stoppingAt !== null && now - stoppingAt > echoMsMax) exitAtOnce(service);
    if (stoppingAt !== null) return;
    stoppingAt = now;
    log.info({ signal }, 'shutting down');
    void shutDown(service, config, log);
  };
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', stop);
}

/** A terminal signals npm and the service, and npm passes it on: both are one signal. */
const echoMsMax = 1000;

async function shutDown(service: Service, { shutdownMsMax }: Config, log: Logger): Promise<void> {
  const deadline = setTimeout(() => {
    log.error({ shutdown_ms_max: shutdownMsMax }, 'shutdown deadline passed');
    exitAtOnce(service);
  }, shutdownMsMax);
  try {
    await service.stop();
    clearTimeout(deadline);
    log.info('shut down');
    process.exit(0);
  } catch (err) {
    log.fatal({ err }, 'shutdown failed');
    exitAtOnce(service);
  }
}

/** Without waiting, but not without ending the children. */
function exitAtOnce(service: Service): never {
  service.killAll();
  process.exit(1);
}

function announce({ app, spawner }: Service, { host }: Config, log: Logger): void {
  const address = app.server.address();
  const port = isAddressInfo(address) ? address.port : 0;
  const name = host.includes(':') ? `[${host}]` : host;
  const url = `http://${name}:${port}`;
  log.info({ spawner, url }, 'listening');
  const headers = "-H 'accept: text/plain' -H 'content-type: application/json'";
  const body = '{"argv":["echo","hello"]}';
  process.stdout.write(`Try: curl -sN ${url}/processes ${headers} -d '${body}'\n`);
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
