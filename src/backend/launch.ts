import type { Engine, ProcessRecord, ProcessKey } from '../engine/engine.ts';
import { ProcessionError } from '../errors.ts';
import type { StartParams } from '../exec-types.ts';
import { storeRefusal } from './store-refusal.ts';
import { Ending } from '../process/tree/ending.ts';
import { childEnvironment } from '../process/environment.ts';
import { hostCgroups } from '../process/tree/host-cgroups.ts';
import { identify } from '../process/tree/identity.ts';
import type { WrappedSpawning } from '../process/wrapping/spawn-wrapped.ts';
import { spawnWrapped } from '../process/wrapping/spawn-wrapped.ts';
import type { Child } from '../process/spawner.ts';
import { newIncarnation } from './identity.ts';

/** What holds for a start request that does not say otherwise. */
export interface LaunchDefaults {
  readonly cwd: string;
  /** The environment that children inherit from, as their `env_policy` says. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly graceMs: number;
  readonly retentionMs: number;
  readonly owner: string;
}

/** What the backend has decided about a start. */
type LaunchIdentity = Pick<ProcessRecord, 'process_id' | 'fingerprint' | 'started_at'>;

/** One start request with all that it needs. */
export interface Launch extends WrappedSpawning {
  readonly params: StartParams;
  readonly identity: LaunchIdentity;
  readonly defaults: LaunchDefaults;
  readonly engine: Pick<Engine, 'reserve' | 'release' | 'create'>;
  /** Told when the store refuses the start. */
  readonly onStoreRefused: (error: unknown) => void;
}

/**
 * Spawns the child of a start request and records it: before, so that it is found if the service
 * dies meanwhile, and when it runs. Rejects with nothing left behind.
 */
export async function launch({
  params,
  identity,
  defaults,
  spawner,
  wrapping,
  ...store
}: Launch): Promise<{ child: Child; record: ProcessRecord }> {
  refuseSize(params);
  const incarnation = newIncarnation();
  const { argv, arg0, cwd = defaults.cwd, pipe_stdin = false, tty = false } = params;
  const size = tty ? (params.size ?? defaultSize) : null;
  const env = childEnvironment({
    base: defaults.environment,
    policy: params.env_policy ?? {},
    overlay: params.env ?? {},
    marker: incarnation,
  });
  const request = { argv, arg0, cwd, env, pipeStdin: pipe_stdin, terminal: size };
  const child = await reserved(store, { ...identity, incarnation }, () =>
    spawnWrapped({ spawner, wrapping }, request, params),
  );
  hostCgroups()?.enter(incarnation, child.pid);
  const record: ProcessRecord = {
    ...identity,
    incarnation,
    argv,
    cwd,
    tty,
    size,
    pipe_stdin,
    labels: params.labels ?? {},
    ...identify(incarnation, child.pid),
    owner: defaults.owner,
    retention_ms: params.retention_ms ?? defaults.retentionMs,
    grace_ms: params.grace_ms ?? defaults.graceMs,
  };
  await recordOrKill(store, record, child);
  return { child, record };
}

const defaultSize = { rows: 24, cols: 80 };

function refuseSize({ size, tty }: StartParams): void {
  if (size === undefined || tty === true) return;
  throw new ProcessionError('invalid_request', 'size is for terminals (tty) only');
}

type Store = Pick<Launch, 'engine' | 'onStoreRefused'>;

async function reserved(
  { engine, onStoreRefused }: Store,
  reservation: ProcessKey,
  spawn: () => Promise<Child>,
): Promise<Child> {
  try {
    await engine.reserve(reservation);
  } catch (cause) {
    onStoreRefused(cause);
    throw storeRefusal(cause);
  }
  try {
    return await spawn();
  } catch (error) {
    // What is not released now is after the next start of the service.
    await engine.release(reservation).catch(onStoreRefused);
    throw error;
  }
}

async function recordOrKill(
  { engine, onStoreRefused }: Store,
  record: ProcessRecord,
  child: Child,
): Promise<void> {
  try {
    await engine.create(record);
  } catch (cause) {
    onStoreRefused(cause);
    child.stdin?.stream.destroy();
    for (const output of child.outputs.values()) output.destroy();
    await new Ending({ ...record, exit: child.exit }).request({ signal: 'SIGKILL', graceMs: 0 });
    await engine.release(record).catch(onStoreRefused);
    throw storeRefusal(cause);
  }
}
