import type { LogHead, LogPage, ProcessRecord, StoredProcess } from '../engine/engine.ts';
import type { OutputPage, ProcessSnapshot } from '../exec-types.ts';
import type { Lifecycle } from '../log/lifecycle.ts';
import { endedAt, exitedPart } from '../log/lifecycle.ts';

const noExit = { exit_code: null, signal: null, exit_reason: null } as const;

/** A process as callers see it. */
export function snapshotOf(
  { record, lifecycle, head }: StoredProcess,
  stdin: ProcessSnapshot['stdin'],
): ProcessSnapshot {
  const { process_id, argv, cwd, tty, size, pipe_stdin, labels, pid, owner } = record;
  return {
    process_id,
    argv,
    cwd,
    tty,
    size,
    pipe_stdin,
    labels,
    pid,
    state: lifecycle.state,
    ...(exitedPart(lifecycle)?.exit ?? noExit),
    ...failureOf(lifecycle),
    ...timesOf(record, lifecycle),
    ...extentOf(head),
    stdin,
    owner,
    output_incomplete: lifecycle.state === 'closed' && lifecycle.output_incomplete,
  };
}

/** A page of output as callers see it, with the state of the process now. */
export function outputPageOf(
  page: LogPage,
  after_seq: number,
  { lifecycle, head }: Pick<StoredProcess, 'lifecycle' | 'head'>,
): OutputPage {
  const exited = exitedPart(lifecycle);
  const covered = page.events.at(-1)?.seq ?? page.gap?.to_seq ?? after_seq;
  return {
    chunks: page.events.flatMap((event) => {
      if (event.type !== 'output') return [];
      const { seq, stream, chunk } = event;
      return [{ seq, stream, chunk }];
    }),
    next_seq: covered + 1,
    head_seq: head.last_seq,
    first_retained_seq: head.first_retained_seq,
    gap: gapOf(page),
    exited: exited !== null,
    ...(exited?.exit ?? noExit),
    exit_seq: exited?.exit_seq ?? null,
    closed: lifecycle.state === 'closed',
    closed_seq: lifecycle.state === 'closed' ? lifecycle.closed_seq : null,
    output_incomplete: lifecycle.state === 'closed' && lifecycle.output_incomplete,
    ...failureOf(lifecycle),
  };
}

function gapOf({ gap }: LogPage): OutputPage['gap'] {
  if (gap === null) return null;
  const { from_seq, to_seq, bytes } = gap;
  return { from_seq, to_seq, bytes };
}

function failureOf(lifecycle: Lifecycle): Pick<ProcessSnapshot, 'failure' | 'failure_reason'> {
  if (lifecycle.state !== 'failed') return { failure: null, failure_reason: null };
  return { failure: lifecycle.message, failure_reason: lifecycle.failure_reason };
}

function timesOf(
  record: ProcessRecord,
  lifecycle: Lifecycle,
): Pick<ProcessSnapshot, 'started_at' | 'exited_at' | 'closed_at' | 'expires_at'> {
  const ended = endedAt(lifecycle);
  return {
    started_at: timeText(record.started_at),
    exited_at: nullableTime(exitedPart(lifecycle)?.exited_at ?? null),
    closed_at: nullableTime(lifecycle.state === 'closed' ? lifecycle.closed_at : null),
    expires_at: nullableTime(ended === null ? null : ended + record.retention_ms),
  };
}

function extentOf({ first_retained_seq, last_seq, retained_bytes, evicted_bytes }: LogHead) {
  return { first_retained_seq, next_seq: last_seq + 1, retained_bytes, evicted_bytes };
}

function nullableTime(at: number | null): string | null {
  return at === null ? null : timeText(at);
}

function timeText(at: number): string {
  return new Date(at).toISOString();
}
