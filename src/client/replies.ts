import type { Static, TSchema } from '@sinclair/typebox';
import { Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { ProcessionError } from '../errors.ts';
import type { SseFrame } from './sse-parser.ts';

/** A count, a seq or a size. */
const count = Type.Integer({ minimum: 0 });
const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const nullableText = nullable(Type.String());

const exitReason = Type.Union([
  Type.Literal('exited'),
  Type.Literal('signaled'),
  Type.Literal('timeout'),
  Type.Literal('terminated'),
  Type.Literal('server_shutdown'),
]);
const exit = { exit_code: nullable(Type.Integer()), signal: nullableText, exit_reason: exitReason };
const maybeExit = { ...exit, exit_reason: nullable(exitReason) };
const failureReason = nullable(
  Type.Union([Type.Literal('owner_lost'), Type.Literal('server_restarted')]),
);

const snapshot = {
  process_id: Type.String(),
  argv: Type.Array(Type.String()),
  cwd: Type.String(),
  tty: Type.Boolean(),
  size: nullable(Type.Object({ rows: count, cols: count })),
  pipe_stdin: Type.Boolean(),
  labels: Type.Record(Type.String(), Type.String()),
  pid: Type.Integer(),
  state: Type.Union([
    Type.Literal('running'),
    Type.Literal('exited'),
    Type.Literal('closed'),
    Type.Literal('failed'),
  ]),
  ...maybeExit,
  failure: nullableText,
  failure_reason: failureReason,
  started_at: Type.String(),
  exited_at: nullableText,
  closed_at: nullableText,
  expires_at: nullableText,
  first_retained_seq: count,
  next_seq: count,
  retained_bytes: count,
  evicted_bytes: count,
  stdin: Type.Union([Type.Literal('open'), Type.Literal('closed')]),
  owner: Type.String(),
  output_incomplete: Type.Boolean(),
};

const chunk = {
  seq: count,
  stream: Type.Union([Type.Literal('stdout'), Type.Literal('stderr'), Type.Literal('pty')]),
  encoding: Type.Union([Type.Literal('utf8'), Type.Literal('base64')]),
  chunk: Type.String(),
};
const gap = { from_seq: count, to_seq: count, bytes: count };

/** Reads a process. */
export const readSnapshot = readerOf(Type.Object(snapshot));

/** Reads the answer to a termination. */
export const readTermination = readerOf(
  Type.Object({ ...snapshot, running: Type.Boolean(), survivors: Type.Array(Type.Integer()) }),
);

/** Reads a page of processes. */
export const readProcessPage = readerOf(
  Type.Object({ processes: Type.Array(Type.Object(snapshot)), next_cursor: nullableText }),
);

/** Reads a page of output; its chunks are still text. */
export const readPage = readerOf(
  Type.Object({
    chunks: Type.Array(Type.Object(chunk)),
    next_seq: count,
    head_seq: count,
    first_retained_seq: count,
    gap: nullable(Type.Object(gap)),
    exited: Type.Boolean(),
    ...maybeExit,
    exit_seq: nullable(count),
    closed: Type.Boolean(),
    closed_seq: nullable(count),
    output_incomplete: Type.Boolean(),
    failure: nullableText,
    failure_reason: failureReason,
  }),
);

/** Reads the answer to a write. */
export const readWritten = readerOf(
  Type.Object({ status: Type.Literal('accepted'), accepted_bytes: count, stdin_bytes: count }),
);

/** Reads the head of a log. */
export const readHead = readerOf(
  Type.Object({ next_seq: count, closed: Type.Boolean(), failed: Type.Boolean() }),
);

/** Reads the data of an event, by the name of its frame. */
export const readEvent = {
  output: dataReaderOf(Type.Object({ type: Type.Literal('output'), ...chunk })),
  exited: dataReaderOf(Type.Object({ type: Type.Literal('exited'), seq: count, ...exit })),
  closed: dataReaderOf(
    Type.Object({
      type: Type.Literal('closed'),
      seq: count,
      ...exit,
      output_incomplete: Type.Boolean(),
    }),
  ),
  failed: dataReaderOf(
    Type.Object({
      type: Type.Literal('failed'),
      message: Type.String(),
      failure_reason: failureReason,
      ...maybeExit,
    }),
  ),
  gap: dataReaderOf(Type.Object({ type: Type.Literal('gap'), ...gap })),
  lagged: dataReaderOf(Type.Object({ type: Type.Literal('lagged'), after_seq: count })),
};

/**
 * Compiled: a stream checks thousands of events a second. Unknown members are let through,
 * a newer server may have more of them.
 */
function readerOf<T extends TSchema>(schema: T): (value: unknown) => Static<T> {
  const compiled = TypeCompiler.Compile(schema);
  return (value) => {
    if (compiled.Check(value)) return value;
    const { path, message } = compiled.Errors(value).First() ?? { path: '', message: 'is wrong' };
    const detail = `the server answered something else: ${path || 'the whole'}: ${message}`;
    throw new ProcessionError('internal_error', detail);
  };
}

function dataReaderOf<T extends TSchema>(schema: T): (frame: SseFrame) => Static<T> {
  const read = readerOf(schema);
  return ({ data }) => {
    try {
      return read(JSON.parse(data));
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) throw cause;
      throw new ProcessionError('internal_error', 'the data of an event is no JSON', { cause });
    }
  };
}
