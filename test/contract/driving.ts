import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { ProcessionError } from '../../src/errors.ts';
import type { EventStream, ExecBackend, ExecProcess } from '../../src/exec-backend.ts';
import type { ProcessSnapshot, StartParams } from '../../src/exec-types.ts';
import type { OutputEvent, StreamEvent } from '../../src/log/event.ts';
import { eventually } from '../support/eventually.ts';
import type { Settings } from '../support/service.ts';

/** Opens a backend that the end of the test closes. */
export type OpenBackend = (settings?: Settings) => Promise<ExecBackend>;

/** Equals every number. */
export const anyNumber: unknown = expect.any(Number);

/** The argv of a script. */
export function sh(script: string): readonly string[] {
  return ['sh', '-c', script];
}

/** Starts a script. */
export async function run(
  backend: ExecBackend,
  script: string,
  params: Partial<StartParams> = {},
): Promise<ExecProcess> {
  const { process } = await backend.start({ argv: sh(script), ...params });
  return process;
}

/** Runs a script to its close. */
export async function runToClose(
  backend: ExecBackend,
  script: string,
  params: Partial<StartParams> = {},
): Promise<ExecProcess> {
  const process = await run(backend, script, params);
  await closeOf(process);
  return process;
}

/** The snapshot, as soon as a condition holds. */
export function snapshotWhen(
  process: ExecProcess,
  isWanted: (snapshot: ProcessSnapshot) => boolean,
): Promise<ProcessSnapshot> {
  return eventually(() => process.snapshot(), isWanted);
}

/** The snapshot, as soon as the exit is known. */
export function exitOf(process: ExecProcess): Promise<ProcessSnapshot> {
  return snapshotWhen(process, ({ state }) => state !== 'running');
}

/** The snapshot, as soon as the log is closed. */
export function closeOf(process: ExecProcess): Promise<ProcessSnapshot> {
  return snapshotWhen(process, ({ state }) => state === 'closed');
}

/** All retained output as text, as soon as it contains this. */
export async function textWhen(process: ExecProcess, wanted: string): Promise<string> {
  return eventually(
    async () => textOf((await process.read({})).chunks),
    (text) => text.includes(wanted),
  );
}

/** Waits for the end and gives the output as text. */
export async function textAtClose(process: ExecProcess): Promise<string> {
  await closeOf(process);
  return textOf((await process.read({})).chunks);
}

/** Opens a stream; fails when there is none to open. */
export async function follow(
  process: ExecProcess,
  after_seq: number | null = 0,
  from: 'replay' | 'retained' = 'replay',
): Promise<EventStream> {
  const subscription = await process.subscribeEvents({ after_seq, from });
  if (subscription.kind === 'stream') return subscription.stream;
  throw new Error(`the subscription is ${subscription.kind}`);
}

/** Every event up to the end of the stream. */
export async function allOf(stream: EventStream): Promise<readonly StreamEvent[]> {
  const events: StreamEvent[] = [];
  for (;;) {
    const batch = await stream.next(20_000);
    if (batch === null) return events;
    if (batch.length === 0) throw new Error(`silence after ${events.length} events`);
    events.push(...batch.map(copyOf));
  }
}

/** The next events, at least `count`. */
export async function someOf(stream: EventStream, count: number): Promise<readonly StreamEvent[]> {
  const events: StreamEvent[] = [];
  while (events.length < count) {
    const batch = await stream.next(20_000);
    if (batch === null || batch.length === 0) throw new Error(`only ${events.length} events`);
    events.push(...batch.map(copyOf));
  }
  return events;
}

/** An event that may be kept: the chunks of a stream are valid until its next call only. */
function copyOf(event: StreamEvent): StreamEvent {
  return event.type === 'output' ? { ...event, chunk: Buffer.from(event.chunk) } : event;
}

/** What a call rejects with, as its code and members. */
export async function refusalOf(call: Promise<unknown>): Promise<object> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ProcessionError) return { code: error.code, ...error.members };
    throw error;
  }
  throw new Error('the call was not refused');
}

/** An output event as a test writes it. */
export function output(seq: number, text: string, stream: 'stdout' | 'stderr' = 'stdout'): object {
  return { type: 'output', seq, stream, chunk: Buffer.from(text) };
}

/** How a process ended, as events and pages say it. */
export function exitedBy(
  exit_code: number | null,
  changes: { signal?: string; exit_reason?: string } = {},
): object {
  return { exit_code, signal: null, exit_reason: 'exited', ...changes };
}

/** The bytes of all chunks. */
export function bytesOf(chunks: readonly Pick<OutputEvent, 'chunk'>[]): Buffer {
  return Buffer.concat(chunks.map(({ chunk }) => chunk));
}

/** The bytes of all chunks as text. */
export function textOf(chunks: readonly Pick<OutputEvent, 'chunk'>[]): string {
  return bytesOf(chunks).toString();
}

/** The output among events. */
export function outputOf(events: readonly StreamEvent[]): readonly OutputEvent[] {
  return events.filter((event) => event.type === 'output');
}

/** A directory that is removed at the end of the test. */
export function directory(): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'procession-contract-'));
  onTestFinished(() => {
    rmSync(dir, { recursive: true, force: true });
  });
  return dir;
}
