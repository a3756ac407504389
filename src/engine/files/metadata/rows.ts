import type { Static, TSchema } from '@sinclair/typebox';
import { Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { crc32 } from 'node:zlib';
import type { Lifecycle } from '../../../log/lifecycle.ts';
import type { ProcessRecord } from '../../engine.ts';
import type { LogLayout } from '../logs/layout.ts';

/** What becomes of a process in its row. */
export type RowChange = Pick<StoredRow, 'lifecycle' | 'layout' | 'frames' | 'ends_at'>;

/** A process as its row has it. */
export interface StoredRow {
  readonly ordinal: number;
  readonly record: ProcessRecord;
  readonly lifecycle: Lifecycle;
  /** Null while the log is written to files, which then tell it alone. */
  readonly layout: LogLayout | null;
  /** The frames of a small log, empty if they were not asked for; null when they are in files. */
  readonly frames: Buffer | null;
  /** When it is to be removed, on the engine's clock; null while it is not over. */
  readonly ends_at: number | null;
}

const count = Type.Integer({ minimum: 0 });
const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

const parseRecord = parserOf(
  Type.Object({
    process_id: Type.String(),
    incarnation: Type.String(),
    fingerprint: Type.String(),
    argv: Type.Array(Type.String()),
    cwd: Type.String(),
    tty: Type.Boolean(),
    size: nullable(Type.Object({ rows: count, cols: count })),
    pipe_stdin: Type.Boolean(),
    labels: Type.Record(Type.String(), Type.String()),
    pid: count,
    owner: Type.String(),
    start_ticks: nullable(count),
    boot_id: nullable(Type.String()),
    cgroup: nullable(Type.String()),
    started_at: count,
    retention_ms: count,
    grace_ms: count,
  }),
);

const exited = {
  exit: Type.Object({
    exit_code: nullable(Type.Integer()),
    signal: nullable(Type.String()),
    exit_reason: Type.Union([
      Type.Literal('exited'),
      Type.Literal('signaled'),
      Type.Literal('timeout'),
      Type.Literal('terminated'),
      Type.Literal('server_shutdown'),
    ]),
  }),
  exit_seq: count,
  exited_at: count,
};

const Exited = Type.Object({ state: Type.Literal('exited'), ...exited });

const parseLifecycle = parserOf(
  Type.Union([
    Type.Object({ state: Type.Literal('running') }),
    Exited,
    Type.Object({
      state: Type.Literal('closed'),
      ...exited,
      closed_seq: count,
      closed_at: count,
      output_incomplete: Type.Boolean(),
    }),
    Type.Object({
      state: Type.Literal('failed'),
      message: Type.String(),
      failure_reason: Type.Union([Type.Literal('owner_lost'), Type.Literal('server_restarted')]),
      failed_at: count,
      exited: nullable(Exited),
    }),
  ]),
);

const parseLayout = parserOf(
  Type.Object({
    last_seq: count,
    total_bytes: count,
    first_replay_seq: count,
    segments: Type.Array(Type.Object({ first_seq: count, base_bytes: count })),
  }),
);

const columnSchema = Type.Object({
  ordinal: count,
  process_id: Type.String(),
  state: Type.String(),
  record: Type.String(),
  lifecycle: Type.String(),
  layout: nullable(Type.String()),
  frames: nullable(Type.Uint8Array()),
  ends_at: nullable(count),
  record_checksum: count,
  state_checksum: count,
});

const columns = TypeCompiler.Compile(columnSchema);

/** What a row says. Throws when it is not what was written; the frames have their own checksums. */
export function readRow(row: unknown): StoredRow {
  if (!columns.Check(row)) throw new Error('damaged metadata: a row has other columns');
  const isSame =
    recordChecksumOf(row) === row.record_checksum && stateChecksumOf(row) === row.state_checksum;
  if (!isSame) throw new Error('damaged metadata: a row was changed');
  const { ordinal, ends_at, frames } = row;
  return {
    ordinal,
    record: parseRecord(row.record),
    lifecycle: parseLifecycle(row.lifecycle),
    layout: row.layout === null ? null : parseLayout(row.layout),
    frames: frames === null ? null : Buffer.from(frames.buffer, frames.byteOffset, frames.length),
    ends_at,
  };
}

/** What was recorded of a process, as {@link recordColumns} writes it. */
export function readRecord(text: string): ProcessRecord {
  return parseRecord(text);
}

/** Whether what was recorded can be read, whatever became of it. */
export function hasIntactRecord(row: Readonly<Record<string, unknown>>): boolean {
  const { process_id, record, record_checksum } = row;
  if (typeof process_id !== 'string' || typeof record !== 'string') return false;
  return recordChecksumOf({ process_id, record }) === record_checksum;
}

/** Whether {@link readRow} can read it. */
export function isIntactRow(row: unknown): boolean {
  try {
    readRow(row);
    return true;
  } catch {
    return false;
  }
}

/** The columns of what is recorded of a process, with their checksum. */
export function recordColumns(
  record: ProcessRecord,
): Pick<Columns, 'process_id' | 'record' | 'record_checksum'> {
  const row = { process_id: record.process_id, record: JSON.stringify(record) };
  return { ...row, record_checksum: recordChecksumOf(row) };
}

/** The columns of what becomes of it, with theirs. */
export function stateColumns({
  lifecycle,
  layout,
  frames,
  ends_at,
}: RowChange): Omit<Columns, 'ordinal' | 'process_id' | 'record' | 'record_checksum'> {
  const row = {
    state: lifecycle.state,
    lifecycle: JSON.stringify(lifecycle),
    layout: layout === null ? null : JSON.stringify(layout),
    ends_at,
  };
  return { ...row, frames, state_checksum: stateChecksumOf(row) };
}

type Columns = Static<typeof columnSchema>;

function recordChecksumOf({ process_id, record }: Pick<Columns, 'process_id' | 'record'>): number {
  return crc32(`${process_id}\n${record}`);
}

/** No column holds a line break of its own, so none can pass for two. */
function stateChecksumOf(row: Pick<Columns, 'state' | 'lifecycle' | 'layout' | 'ends_at'>): number {
  return crc32([row.state, row.lifecycle, row.layout, row.ends_at].join('\n'));
}

/** Compiled and not interpreted: a list of processes checks a thousand rows on the event loop. */
function parserOf<T extends TSchema>(schema: T): (text: string) => Static<T> {
  const compiled = TypeCompiler.Compile(schema);
  return (text) => {
    const value: unknown = JSON.parse(text);
    if (compiled.Check(value)) return value;
    const { path, message } = compiled.Errors(value).First() ?? { path: '', message: 'is wrong' };
    throw new Error(`damaged metadata: ${path} of a row: ${message}`);
  };
}
