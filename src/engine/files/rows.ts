import type { Static, TSchema } from '@sinclair/typebox';
import { Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import type { Lifecycle } from '../../log/lifecycle.ts';
import type { ProcessRecord } from '../engine.ts';
import type { LogLayout } from './layout.ts';

/** A process as its row has it; the layout is null while the log is written
 * to files. */
export interface StoredRow {
  readonly ordinal: number;
  readonly record: ProcessRecord;
  readonly lifecycle: Lifecycle;
  readonly layout: LogLayout | null;
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
    inline: Type.Optional(Type.String()),
  }),
);

const columns = TypeCompiler.Compile(
  Type.Object({
    ordinal: count,
    record: Type.String(),
    lifecycle: Type.String(),
    layout: nullable(Type.String()),
  }),
);

/** What a row says. Throws when it is not what this release writes. */
export function readRow(row: unknown): StoredRow {
  if (!columns.Check(row)) throw new Error('damaged metadata: a row has other columns');
  return {
    ordinal: row.ordinal,
    record: parseRecord(row.record),
    lifecycle: parseLifecycle(row.lifecycle),
    layout: row.layout === null ? null : parseLayout(row.layout),
  };
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
