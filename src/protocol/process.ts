import type { Static } from '@sinclair/typebox';
import { Type } from '@sinclair/typebox';
import type { ProcessSnapshot } from '../exec-types.ts';
import { count, named, nullable, nullableOneOfStrings, oneOfStrings, ref, time } from './schema.ts';

/** The states of a process. */
export const processStates = ['running', 'exited', 'closed', 'failed'] as const;

/** Where a process is in its life. */
export const ProcessState = named(
  'ProcessState',
  oneOfStrings(
    processStates,
    '`exited`: reaped, output may follow. `closed`: the log is complete. ' +
      '`failed`: it can no longer be followed.',
  ),
);

/** The size of a terminal. */
export const TerminalSize = named(
  'TerminalSize',
  Type.Object(
    {
      rows: Type.Integer({ minimum: 1, maximum: 65_535 }),
      cols: Type.Integer({ minimum: 1, maximum: 65_535 }),
    },
    { additionalProperties: false },
  ),
);

/** The members that say how a process ended. */
export const exitMembers = {
  exit_code: nullable(
    Type.Integer({ description: 'Null until the exit is known, and after a signal.' }),
  ),
  signal: nullable(
    Type.String({ description: 'The signal that ended it, for instance `SIGTERM`; else null.' }),
  ),
  exit_reason: nullableOneOfStrings(
    ['exited', 'signaled', 'timeout', 'terminated', 'server_shutdown'],
    'Why it is no longer running; the first reason stays.',
  ),
};

/** The members that say why a process can no longer be followed. */
export const failureMembers = {
  failure: nullable(Type.String({ description: 'Why it can no longer be followed.' })),
  failure_reason: nullableOneOfStrings(
    ['owner_lost', 'server_restarted'],
    'The same for programs.',
  ),
};

const processMembers = {
  process_id: Type.String(),
  argv: Type.Array(Type.String()),
  cwd: Type.String(),
  tty: Type.Boolean(),
  size: Type.Unsafe<{ rows: number; cols: number } | null>({
    type: ['object', 'null'],
    required: ['rows', 'cols'],
    properties: TerminalSize.properties,
    description: 'The size of the terminal; null without one.',
  }),
  pipe_stdin: Type.Boolean(),
  labels: Type.Record(Type.String(), Type.String()),
  pid: Type.Integer({ description: 'The number of the process on its host.' }),
  state: ref(ProcessState),
  ...exitMembers,
  ...failureMembers,
  started_at: time('When it began to run.'),
  exited_at: nullable(time('When it was reaped.')),
  closed_at: nullable(time('When its log was complete.')),
  expires_at: nullable(time('When it will be removed; null before it is over.')),
  first_retained_seq: count('The oldest event that can be read.'),
  next_seq: count('The seq that the next event will have.'),
  retained_bytes: count('Bytes of output that can be read.'),
  evicted_bytes: count('Bytes of output that are retained no longer.'),
  stdin: oneOfStrings(['open', 'closed'], 'Whether it can be written to.'),
  owner: Type.String({ description: 'The replica that runs it.' }),
  output_incomplete: Type.Boolean({
    description: 'The log was closed before the output ended, see `drain_ms`.',
  }),
};

/** A process as every route returns it. */
export const Process = named('Process', Type.Object(processMembers));
export type Process = Static<typeof Process>;

/** A page of processes, newest first. */
export const ProcessList = named(
  'ProcessList',
  Type.Object({
    processes: Type.Array(ref(Process)),
    next_cursor: nullable(Type.String({ description: 'For the next page; null on the last.' })),
  }),
);

/** What `terminate` answers. */
export const TerminatedProcess = named(
  'TerminatedProcess',
  Type.Object({
    running: Type.Boolean({ description: 'It had not exited when the request came.' }),
    survivors: Type.Array(Type.Integer(), {
      description: 'Pids that even SIGKILL has not ended, as far as is known at the answer.',
    }),
    ...processMembers,
  }),
);

/** A snapshot as it is written to the wire. */
export function toProcess<Snapshot extends ProcessSnapshot>(
  snapshot: Snapshot,
): Snapshot & { argv: string[] } {
  return { ...snapshot, argv: [...snapshot.argv] };
}
