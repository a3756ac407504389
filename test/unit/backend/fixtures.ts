import { onTestFinished } from 'vitest';
import type { LocalBackendOptions } from '../../../src/backend/local-backend.ts';
import { LocalBackend } from '../../../src/backend/local-backend.ts';
import type { LocalProcess } from '../../../src/backend/local-process.ts';
import type { Observer } from '../../../src/backend/observer.ts';
import type { ExecProcess } from '../../../src/exec-backend.ts';
import type { ProcessSnapshot, StartParams } from '../../../src/exec-types.ts';
import type { StreamEvent } from '../../../src/log/event.ts';
import { microtasks } from '../replica/fixtures.ts';
import { noWrapping } from '../../../src/process/wrapping/wrap.ts';
import { MemoryEngine } from '../replica/memory-engine.ts';
import { FakeHost } from './fake-host.ts';

/** Longer than a test may take. */
export const longMs = 60_000;

/** 2023-11-14T22:13:20.000Z */
export const startOfTime = 1_700_000_000_000;

export interface World {
  readonly backend: LocalBackend;
  readonly engine: MemoryEngine;
  readonly host: FakeHost;
  /** What the observer was told, in order. */
  readonly observed: (readonly unknown[])[];
  /** What was logged: level, message, fields. */
  readonly logged: (readonly unknown[])[];
  readonly clock: { now: number };
}

/** A backend on a host that does not exist, over an engine in memory. */
export function worldOf(
  options: Partial<LocalBackendOptions> = {},
  engine = new MemoryEngine(),
): World {
  const host = FakeHost.install();
  const observed: World['observed'] = [];
  const logged: World['logged'] = [];
  const clock = { now: startOfTime };
  engine.now = () => clock.now;
  const backend = new LocalBackend({
    engine,
    spawner: host,
    wrapping: noWrapping,
    observer: observerInto(observed),
    log: {
      info: (fields, message) => logged.push(['info', message, fields]),
      error: (fields, message) => logged.push(['error', message, fields]),
    },
    now: () => clock.now,
    defaults: {
      cwd: '/srv',
      environment: { PATH: '/bin', SECRET: 'x' },
      graceMs: 5000,
      retentionMs: 600_000,
      owner: 'replica-1',
    },
    stdinLimits: { queueBytesMax: 1024, stallMs: 5000, writeIdsMax: 16 },
    processesMax: 100,
    readerQueueBytesMax: 1024 * 1024,
    onStoreError: 'pause',
    ...options,
  });
  onTestFinished(() => backend.close());
  return { backend, engine, host, observed, logged, clock };
}

function observerInto(observed: World['observed']): Observer {
  const record =
    (name: keyof Observer) =>
    (...values: readonly unknown[]): void => {
      observed.push([name, ...values]);
    };
  return {
    started: (spawnMs) => {
      observed.push(['started', typeof spawnMs]);
    },
    startFailed: record('startFailed'),
    exited: record('exited'),
    output: record('output'),
    evicted: record('evicted'),
    followed: record('followed'),
    unfollowed: record('unfollowed'),
  };
}

/** Starts `p`, unless another id is asked for. */
export async function start(
  { backend }: World,
  params: Partial<StartParams> = {},
): Promise<LocalProcess> {
  await backend.start({ argv: ['prog'], process_id: 'p', ...params });
  return backend.get(params.process_id ?? 'p');
}

/** All that is retained, to the end of the log. */
export async function eventsOf(process: ExecProcess): Promise<StreamEvent[]> {
  const subscription = await process.subscribeEvents({ after_seq: 0, from: 'retained' });
  const seen: StreamEvent[] = [];
  if (subscription.kind !== 'stream') return seen;
  for (;;) {
    const events = await subscription.stream.next(longMs);
    if (events === null) return seen;
    seen.push(...events);
  }
}

/** The log as one line: texts of output, types of the others, the exit with its status. */
export async function lineOf(process: ExecProcess): Promise<string> {
  const parts = (await eventsOf(process)).map((event) => {
    if (event.type === 'output') return `${event.stream}:${event.chunk.toString()}`;
    if (event.type !== 'exited') return event.type;
    return `exited:${event.exit_code ?? event.signal ?? ''}:${event.exit_reason}`;
  });
  return parts.join(' ');
}

/** Lets turns of the event loop pass until a process is in a state. */
export async function reach(process: ExecProcess, state: ProcessSnapshot['state']): Promise<void> {
  while ((await process.snapshot()).state !== state) await microtasks();
}
