import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { ProcessRecord } from '../../src/engine/engine.ts';
import { openFilesEngine } from '../../src/engine/files/engine.ts';
import type { ExitStatus, LogEvent } from '../../src/log/event.ts';
import type { Exited, Failed } from '../../src/log/lifecycle.ts';
import type { Settings } from '../support/service.ts';
import { startService } from '../support/service.ts';
import { Client } from './client.ts';

const failed: Failed = {
  state: 'failed',
  message: 'its owner was lost',
  failure_reason: 'owner_lost',
  failed_at: Date.now(),
  exited: null,
};

/**
 * A service on a directory that holds a process `f` which failed after one event of output,
 * and after its exit if one is given.
 */
export async function serviceWithFailed(
  exit?: ExitStatus,
  settings: Settings = {},
): Promise<Client> {
  const dir = mkdtempSync(path.join(tmpdir(), 'procession-failed-'));
  onTestFinished(() => {
    rmSync(dir, { recursive: true, force: true });
  });
  const engine = openFilesEngine({
    dir,
    retainedBytesMax: 1000,
    replay: { eventsMax: 100, bytesMax: 1000 },
    tombstoneMs: 3_600_000,
  });
  await engine.create(record);
  const events: LogEvent[] = [
    { type: 'output', seq: 1, stream: 'stdout', chunk: Buffer.from('a') },
    ...(exit === undefined ? [] : [{ type: 'exited' as const, seq: 2, ...exit }]),
  ];
  const exited: Exited | null =
    exit === undefined ? null : { state: 'exited', exit, exit_seq: 2, exited_at: Date.now() };
  await engine.append(record, events, { ...failed, exited });
  await engine.close();
  return new Client(await startService({ DATA_DIR: dir, ...settings }));
}

const record: ProcessRecord = {
  process_id: 'f',
  incarnation: 'f0f0',
  fingerprint: 'f',
  argv: ['cat'],
  cwd: '/',
  tty: false,
  size: null,
  pipe_stdin: true,
  labels: {},
  pid: 1_000_000_000,
  start_ticks: null,
  boot_id: null,
  cgroup: null,
  owner: 'elsewhere',
  started_at: Date.now(),
  retention_ms: 600_000,
  grace_ms: 5000,
};
