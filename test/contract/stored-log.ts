import { openFilesEngine } from '../../src/engine/files/engine.ts';
import type { ProcessRecord } from '../../src/engine/engine.ts';
import type { LogEvent, OutputEvent } from '../../src/log/event.ts';
import type { Lifecycle } from '../../src/log/lifecycle.ts';
import { directory } from './driving.ts';

const process_id = 'stored';
const exit = { exit_code: 0, signal: null, exit_reason: 'exited' } as const;

const record: ProcessRecord = {
  process_id,
  incarnation: 'incarnation',
  fingerprint: 'fingerprint',
  argv: ['true'],
  cwd: '/',
  tty: false,
  size: null,
  pipe_stdin: false,
  labels: {},
  pid: 1,
  start_ticks: null,
  boot_id: null,
  cgroup: null,
  owner: 'a server that is gone',
  started_at: Date.now(),
  retention_ms: 3_600_000,
  grace_ms: 0,
};

/** `count` events: outputs of 0 to 299 bytes more than one, the exit, the close. */
export function closedLog(count: number): readonly LogEvent[] {
  return [
    ...outputs(count - 2),
    { type: 'exited', seq: count - 1, ...exit },
    { type: 'closed', seq: count, ...exit, output_incomplete: false },
  ];
}

/** The first `count` events of a log, all of them output. */
export function outputs(count: number): readonly OutputEvent[] {
  return Array.from({ length: count }, (_value, index) => ({
    type: 'output' as const,
    seq: index + 1,
    stream: index % 3 === 0 ? ('stderr' as const) : ('stdout' as const),
    chunk: Buffer.alloc(1 + ((index * 7) % 300), `${index},`),
  }));
}

/** Writes a log for a service to find. */
export async function storeLog(
  events: readonly LogEvent[],
  end: 'closed' | 'lost' = 'closed',
): Promise<{ readonly dir: string; readonly process_id: string }> {
  const dir = directory();
  const replay = { eventsMax: 1_000_000, bytesMax: 1_000_000_000 };
  const engine = openFilesEngine({
    dir,
    replay,
    retainedBytesMax: 1_000_000_000,
    tombstoneMs: 3_600_000,
  });
  await engine.create(record);
  await engine.append(record, events, end === 'closed' ? closedAt(events.length) : lost);
  await engine.close();
  return { dir, process_id };
}

function closedAt(closed_seq: number): Lifecycle {
  const now = Date.now();
  return {
    state: 'closed',
    exit,
    exit_seq: closed_seq - 1,
    exited_at: now,
    closed_seq,
    closed_at: now,
    output_incomplete: false,
  };
}

const lost: Lifecycle = {
  state: 'failed',
  message: 'it was lost',
  failure_reason: 'server_restarted',
  failed_at: Date.now(),
  exited: null,
};
