import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { homedir, hostname } from 'node:os';
import path from 'node:path';
import { parseEnv } from 'node:util';

/** A setting that cannot be read; its message names the variable and what it expects. */
class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Variables as a process has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Every setting, with its default, read from the environment. */
export type Config = Readonly<ReturnType<typeof read>>;

/** Reads the settings. Throws {@link ConfigError} for the first one that cannot be read. */
export function loadConfig(environment: Environment): Config {
  return Object.freeze(read(environment));
}

/** The environment of this process over the file `.env` of the working directory, if any. */
export function ownEnvironment(): Environment {
  return { ...dotEnv(), ...process.env };
}

const mebibyte = 1024 * 1024;

function read(environment: Environment) {
  const settings = new Settings(environment);
  settings.notYet('AUTH', ['none'], 'authentication');
  settings.notYet('ENGINE_URL', [], 'an engine other than the embedded one');
  const retained = settings.integer('RETAINED_OUTPUT_BYTES_MAX', 64 * mebibyte, { min: 1 });
  return {
    host: settings.loopback('HOST', '127.0.0.1'),
    port: settings.integer('PORT', 8080, { max: 65_535 }),
    dataDir: path.resolve(settings.text('DATA_DIR', stateDirectory(environment))),
    pathPrefix: settings.pathPrefix('PUBLIC_URL'),
    replicaId: settings.text('REPLICA_ID', hostname()),
    cwd: settings.absolute('CWD', process.cwd()),
    spawner: settings.choice('SPAWNER', ['auto', 'posix', 'execa']),
    runner: settings.command('RUNNER'),
    runnerClaims: settings.claims('RUNNER_CLAIMS', 'RUNNER'),
    logLevel: settings.choice('LOG_LEVEL', ['info', 'trace', 'debug', 'warn', 'error', 'silent']),
    retainedOutputBytesMax: retained,
    dataBytesMax: settings.integer('DATA_BYTES_MAX', 10 * 1024 * mebibyte, { min: 1 }),
    fsync: settings.choice('FSYNC', ['exit', 'always', 'never']),
    onStoreError: settings.choice('ON_STORE_ERROR', ['pause', 'drop', 'terminate']),
    orphans: settings.choice('ORPHANS', ['terminate', 'leave']),
    replayEventsMax: settings.integer('REPLAY_EVENTS_MAX', 4096, { min: 1 }),
    replayBytesMax: Math.min(settings.integer('REPLAY_BYTES_MAX', mebibyte, { min: 1 }), retained),
    retentionMs: settings.durationMs('RETENTION_MS', 600_000),
    tombstoneMs: settings.durationMs('TOMBSTONE_MS', 3_600_000, 3_600_000),
    processesMax: settings.integer('PROCESSES_MAX', 1000, { min: 1 }),
    readerQueueBytesMax: settings.integer('READER_QUEUE_BYTES_MAX', mebibyte, { min: 1 }),
    readerStallMs: settings.durationMs('READER_STALL_MS', 30_000, 1),
    stdinQueueBytesMax: settings.integer('STDIN_QUEUE_BYTES_MAX', mebibyte, { min: 1 }),
    stdinStallMs: settings.durationMs('STDIN_STALL_MS', 5000),
    stdinWriteIdsMax: settings.integer('STDIN_WRITE_IDS_MAX', 1024, { min: 1 }),
    heartbeatMs: settings.durationMs('HEARTBEAT_MS', 15_000, 1),
    bodyBytesMax: settings.integer('BODY_BYTES_MAX', mebibyte, { min: 1 }),
    requestMsMax: settings.durationMs('REQUEST_MS_MAX', 30_000, 1),
    graceMs: settings.durationMs('GRACE_MS', 5000),
    shutdownGraceMs: settings.durationMs('SHUTDOWN_GRACE_MS', 5000),
    shutdownMsMax: settings.durationMs('SHUTDOWN_MS_MAX', 20_000, 1),
  };
}

const durationMsMax = 2_147_483_647;

class Settings {
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  text(name: string, fallback: string): string {
    const value = this.#environment[`PROCESSION_${name}`];
    return value === undefined || value === '' ? fallback : value;
  }

  integer(name: string, fallback: number, { min = 0, max = Number.MAX_SAFE_INTEGER } = {}): number {
    const text = this.text(name, String(fallback));
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw invalid(name, `a whole number from ${min} to ${max}`, text);
  }

  durationMs(name: string, fallback: number, min = 0): number {
    return this.integer(name, fallback, { min, max: durationMsMax });
  }

  choice<const Choices extends readonly [string, ...string[]]>(
    name: string,
    choices: Choices,
  ): Choices[number] {
    const text = this.text(name, choices[0]);
    const choice = choices.find((candidate) => candidate === text);
    if (choice !== undefined) return choice;
    throw invalid(name, `one of ${choices.join(', ')}`, text);
  }

  absolute(name: string, fallback: string): string {
    const text = this.text(name, fallback);
    if (path.isAbsolute(text)) return text;
    throw invalid(name, 'an absolute path', text);
  }

  /** Empty when it is not set. */
  command(name: string): readonly string[] {
    const text = this.text(name, '[]');
    const value = jsonOf(text);
    if (isTexts(value) && path.isAbsolute(value[0] ?? '/')) return value;
    throw invalid(name, 'a JSON array of texts without NUL, first an absolute path', text);
  }

  /** What is claimed of a command, which must be set then. */
  claims(name: string, command: string): readonly string[] {
    const text = this.text(name, '');
    const claims = text === '' ? [] : text.split(',');
    if (!claims.every((claim) => claimPattern.test(claim)))
      throw invalid(name, claimsExpected, text);
    if (claims.length === 0 || this.command(command).length > 0) return claims;
    throw new ConfigError(`PROCESSION_${name} needs PROCESSION_${command}, which is not set`);
  }

  loopback(name: string, fallback: string): string {
    const text = this.text(name, fallback);
    if (text === 'localhost' || text === '::1') return text;
    if (isIPv4(text) && text.startsWith('127.')) return text;
    throw invalid(name, 'a loopback address, since the service has no authentication yet', text);
  }

  /** Refuses a setting whose subject does not exist yet, rather than ignore it. */
  notYet(name: string, allowed: readonly string[], subject: string): void {
    const text = this.text(name, '');
    if (text === '' || allowed.includes(text)) return;
    throw new ConfigError(`PROCESSION_${name} cannot be ${text}: ${subject} does not exist yet`);
  }

  pathPrefix(name: string): string {
    const text = this.text(name, '');
    if (text === '') return '';
    if (URL.canParse(text) && /^https?:/.test(text)) {
      return new URL(text).pathname.replace(/\/+$/, '');
    }
    throw invalid(name, 'an http or https URL', text);
  }
}

const claimPattern =
  /^(pid_namespace|no_network|no_new_privs|no_capabilities|uid=(0|[1-9]\d{0,9}))$/;
const claimsExpected =
  'a comma list of pid_namespace, no_network, no_new_privs, no_capabilities, uid=N';

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) && value.every((item) => typeof item === 'string' && !item.includes('\0'))
  );
}

function invalid(name: string, expected: string, text: string): ConfigError {
  return new ConfigError(`PROCESSION_${name} must be ${expected}, not ${JSON.stringify(text)}`);
}

/** See the XDG base directory specification, `XDG_STATE_HOME`. */
function stateDirectory(environment: Environment): string {
  const state = environment['XDG_STATE_HOME'] ?? '';
  const base = path.isAbsolute(state) ? state : path.join(homedir(), '.local', 'state');
  return path.join(base, 'procession');
}

function dotEnv(): Environment {
  try {
    return parseEnv(readFileSync('.env', 'utf8'));
  } catch {
    return {};
  }
}
