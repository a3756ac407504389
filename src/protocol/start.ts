import { Type } from '@sinclair/typebox';
import { StartStreamEvent } from './events.ts';
import { problems } from './problem.ts';
import { Process, TerminalSize } from './process.ts';
import { durationMs, integerMax, named, nullable, oneOfStrings, ref } from './schema.ts';

/** Which variables of the service a child inherits. */
const EnvPolicy = named(
  'EnvPolicy',
  Type.Object(
    {
      inherit: Type.Optional(
        oneOfStrings(
          ['core', 'all', 'none'],
          '`core` (default): PATH, HOME, LANG, LC_*, TZ, USER, LOGNAME, SHELL, TMPDIR, TERM.',
        ),
      ),
      exclude: Type.Optional(
        Type.Array(Type.String(), {
          description: 'Globs of names not to inherit; case-insensitive.',
        }),
      ),
      include_only: Type.Optional(
        Type.Array(Type.String(), {
          description: 'When given, only names that match one of these.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
);

/** No NUL: the system ends a text there. */
const Text = Type.String({ pattern: '^[^\\u0000]*$' });

/** The last one is no id: it means none to the system. */
const idMax = 4_294_967_294;

/** Held to by the kernel, each process by itself. */
const ProcessLimits = named(
  'ProcessLimits',
  Type.Object(
    {
      memory_bytes: limit('Address space (RLIMIT_AS).'),
      cpu_seconds: limit('CPU time (RLIMIT_CPU): SIGXCPU, a second later SIGKILL.'),
      open_files: limit('Descriptors (RLIMIT_NOFILE): one more than the greatest number.'),
      processes: limit('Processes and threads of its user on the host (RLIMIT_NPROC).'),
      file_bytes: limit('Size of a file that it writes (RLIMIT_FSIZE): SIGXFSZ.'),
    },
    { additionalProperties: false, minProperties: 1 },
  ),
);

function limit(description: string) {
  return Type.Optional(Type.Integer({ minimum: 1, maximum: integerMax, description }));
}

/** Who a process runs as; its supplementary groups are dropped. */
const ProcessUser = named(
  'ProcessUser',
  Type.Object(
    {
      uid: Type.Integer({ minimum: 0, maximum: idMax }),
      gid: Type.Integer({ minimum: 0, maximum: idMax }),
    },
    { additionalProperties: false },
  ),
);

/** The body of a start. */
const StartRequest = named(
  'StartRequest',
  Type.Object(
    {
      argv: Type.Array(Text, {
        minItems: 1,
        description: 'Program and arguments; no shell. `argv[0]` is looked up in the child’s PATH.',
      }),
      process_id: Type.Optional(
        Type.String({
          pattern: '^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$',
          description: 'Makes the start repeatable: the same request finds the same process.',
        }),
      ),
      cwd: Type.Optional(
        Type.String({ pattern: '^/[^\\u0000]*$', description: 'Absolute; default: the setting.' }),
      ),
      env: Type.Optional(
        Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }), nullable(Text), {
          additionalProperties: false,
          description: 'Laid over the inherited variables; null removes one.',
        }),
      ),
      env_policy: Type.Optional(ref(EnvPolicy)),
      arg0: Type.Optional(Type.String({ description: 'What the child sees as `argv[0]`.' })),
      tty: Type.Optional(
        Type.Boolean({
          description:
            'Run on a terminal: its output is the stream `pty`, its input is always open.',
        }),
      ),
      size: Type.Optional(ref(TerminalSize)),
      pipe_stdin: Type.Optional(
        Type.Boolean({ description: 'Keep stdin writable; else it is at its end from the start.' }),
      ),
      timeout_ms: Type.Optional(
        nullable(durationMs('After this it is terminated; null: never.', { minimum: 1 })),
      ),
      grace_ms: Type.Optional(durationMs('Between the polite signal and SIGKILL; default 5000.')),
      drain_ms: Type.Optional(
        nullable(durationMs('Longest wait for output after the exit; null: as long as it takes.')),
      ),
      retention_ms: Type.Optional(
        durationMs('How long it stays readable once over; default: the setting.'),
      ),
      limits: Type.Optional(ref(ProcessLimits)),
      user: Type.Optional(ref(ProcessUser)),
      nice: Type.Optional(
        Type.Integer({ minimum: -20, maximum: 19, description: 'Its niceness; lower is more.' }),
      ),
      umask: Type.Optional(
        Type.String({ pattern: '^0?[0-7]{3}$', description: 'Octal: `022` or `0022`.' }),
      ),
      labels: Type.Optional(
        Type.Record(Type.String(), Type.String(), {
          maxProperties: 32,
          description: 'For filtering lists.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
);

const startedHeaders = {
  Location: Type.String({ description: 'The process, path-absolute.' }),
  'Idempotent-Replayed': Type.String({
    description: '`true` when the same request had started it before.',
  }),
};

const startedContent = {
  headers: startedHeaders,
  content: {
    'application/json': { schema: ref(Process) },
    'text/event-stream': { schema: ref(StartStreamEvent) },
    'text/plain': { schema: Type.String({ description: 'The raw output, until `closed`.' }) },
  },
};

/** `POST /processes` */
export const startProcess = {
  operationId: 'startProcess',
  summary: 'Start a process',
  description:
    'Answers when the process runs. With `Accept: text/event-stream` the answer is its event ' +
    'stream from the beginning, the first frame being `started`; with `Accept: text/plain` its raw ' +
    'output, with the trailers `Exit-Code` and `Exit-Signal`. A cut answer does not end the process.',
  tags: ['processes'],
  querystring: Type.Object({}, { additionalProperties: false }),
  body: ref(StartRequest),
  response: {
    200: { description: 'The same request had started it before.', ...startedContent },
    201: { description: 'It runs.', ...startedContent },
    ...problems(
      'invalid_request',
      'invalid_json',
      'not_acceptable',
      'request_timeout',
      'process_id_conflict',
      'process_expired',
      'body_too_large',
      'unsupported_media_type',
      'command_not_found',
      'not_executable',
      'cwd_not_found',
      'cwd_not_directory',
      'cwd_forbidden',
      'argument_list_too_long',
      'spawn_failed',
      'internal_error',
      'unsupported',
      'processes_max_reached',
      'resources_exhausted',
      'draining',
      'http_version_unsupported',
      'store_failing',
      'store_full',
    ),
  },
} as const;

/** Every schema that a reference of this route names. */
export const startSchemas = [EnvPolicy, ProcessLimits, ProcessUser, StartRequest];
