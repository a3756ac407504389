import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { LogPage, ProcessRecord, ReadQuery } from '../../../src/engine/engine.ts';
import { hostDisk } from '../../../src/engine/files/disk.ts';
import type { LogLayout } from '../../../src/engine/files/logs/layout.ts';
import { readPage } from '../../../src/engine/files/logs/log-reader.ts';
import type { LogBounds } from '../../../src/engine/files/logs/segmented-log.ts';
import { SegmentedLog } from '../../../src/engine/files/logs/segmented-log.ts';
import type { ClosedEvent, ExitedEvent, ExitStatus, OutputEvent } from '../../../src/log/event.ts';
import type { Closed, Exited } from '../../../src/log/lifecycle.ts';

/** A directory that is gone after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'procession-engine-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

/** A log in a directory of its own. */
export function segmentedLog(directory: string, bounds: LogBounds): SegmentedLog {
  return new SegmentedLog({ disk: hostDisk, directory }, bounds);
}

/** A page of a log that is in files. */
export function pageOf(directory: string, layout: LogLayout, query: ReadQuery): LogPage {
  return readPage({ directory, layout, frames: null }, query);
}

/** Files below a directory that this process has open. */
export function openFiles(directory: string): string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => targetOf(`/proc/self/fd/${fd}`))
    .filter((path) => path.startsWith(directory));
}

/** An output event of `length` bytes that tell its seq. */
export function output(seq: number, length: number): OutputEvent {
  return { type: 'output', seq, stream: 'stdout', chunk: Buffer.alloc(length, seq % 251) };
}

/** Output events of the given lengths, from seq `first` on. */
export function outputs(lengths: readonly number[], first = 1): OutputEvent[] {
  return lengths.map((length, place) => output(first + place, length));
}

export const success: ExitStatus = { exit_code: 0, signal: null, exit_reason: 'exited' };

export function exited(seq: number): ExitedEvent {
  return { type: 'exited', seq, ...success };
}

export function closed(seq: number): ClosedEvent {
  return { type: 'closed', seq, ...success, output_incomplete: false };
}

export function exitedAt(exit_seq: number, exited_at: number): Exited {
  return { state: 'exited', exit: success, exit_seq, exited_at };
}

/** The state of a process that exited and closed with successive seqs at one time. */
export function closedAt(closed_seq: number, closed_at: number): Closed {
  return {
    ...exitedAt(closed_seq - 1, closed_at),
    state: 'closed',
    closed_seq,
    closed_at,
    output_incomplete: false,
  };
}

export function recordOf(process_id: string, members: Partial<ProcessRecord> = {}): ProcessRecord {
  return {
    process_id,
    incarnation: Buffer.from(process_id).toString('hex'),
    fingerprint: 'f'.repeat(64),
    argv: ['printf', '%s', 'a "b" é\n'],
    cwd: '/',
    tty: true,
    size: { rows: 24, cols: 80 },
    pipe_stdin: false,
    labels: {},
    pid: 4321,
    start_ticks: null,
    boot_id: null,
    cgroup: null,
    owner: 'replica-1',
    started_at: 1_700_000_000_000,
    retention_ms: 600_000,
    grace_ms: 5_000,
    ...members,
  };
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}
