import { Type } from '@sinclair/typebox';
import { OutputChunk, ProcessEvent } from './events.ts';
import { problems } from './problem.ts';
import { exitMembers, failureMembers } from './process.ts';
import {
  AfterSeq,
  Encoding,
  LastEventIdHeader,
  ProcessParams,
  count,
  named,
  nullable,
  oneOfStrings,
  ref,
} from './schema.ts';

/** A page of output. */
export const OutputPage = named(
  'OutputPage',
  Type.Object({
    chunks: Type.Array(ref(OutputChunk)),
    next_seq: count('The first seq that the page does not cover; one less is the next cursor.'),
    head_seq: count('The newest seq; 0 for an empty log.'),
    first_retained_seq: count('The oldest event that can be read.'),
    gap: Type.Unsafe<{ from_seq: number; to_seq: number; bytes: number } | null>({
      type: ['object', 'null'],
      required: ['from_seq', 'to_seq', 'bytes'],
      properties: {
        from_seq: count('The first missing seq.'),
        to_seq: count('The last missing seq.'),
        bytes: count('Bytes of output that are missing.'),
      },
      description: 'What follows the cursor but is retained no longer.',
    }),
    exited: Type.Boolean(),
    ...exitMembers,
    exit_seq: nullable(count('The seq of `exited`.')),
    closed: Type.Boolean(),
    closed_seq: nullable(count('The seq of `closed`, the last one.')),
    output_incomplete: Type.Boolean(),
    ...failureMembers,
  }),
);

/** `GET /processes/{process_id}/output` */
export const readOutput = {
  operationId: 'readOutput',
  summary: 'Read the retained output of a process',
  description:
    'JSON: a page, with `wait_ms` as a long-poll. SSE and NDJSON: everything retained, then live. ' +
    'Text and raw: the bare bytes up to the head, or with `follow` to the end. `format` beats ' +
    '`Accept`; without both it is SSE when there is a `Last-Event-ID`, else JSON.',
  tags: ['streams'],
  params: ProcessParams,
  headers: LastEventIdHeader,
  querystring: Type.Object(
    {
      after_seq: Type.Optional(AfterSeq),
      max_bytes: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 8 * 1024 * 1024,
          description: 'Most bytes of output on a page, default 1 MiB; at least one chunk comes.',
        }),
      ),
      wait_ms: Type.Optional(
        Type.Integer({ minimum: 0, maximum: 60_000, description: 'Wait for the first new event.' }),
      ),
      encoding: Type.Optional(Encoding),
      format: Type.Optional(
        oneOfStrings(['json', 'sse', 'ndjson', 'text', 'raw'], 'Beats `Accept`.'),
      ),
      stream: Type.Optional(
        oneOfStrings(['stdout', 'stderr', 'pty'], 'Text and raw: the bytes of one stream only.'),
      ),
      follow: Type.Optional(
        Type.Boolean({ description: 'Text and raw: go on until the log is closed.' }),
      ),
    },
    { additionalProperties: false },
  ),
  response: {
    200: {
      description: 'The output.',
      headers: {
        'First-Seq': Type.String({ description: 'Text and raw: the first seq sent.' }),
        'Next-Seq': Type.String({
          description: 'Text and raw: the seq after the last one; a trailer with `follow`.',
        }),
        'Gap-Bytes': Type.String({
          description: 'Text and raw: bytes after the cursor that are retained no longer.',
        }),
      },
      content: {
        'application/json': { schema: ref(OutputPage) },
        'text/event-stream': { schema: ref(ProcessEvent) },
        'application/x-ndjson': { schema: ref(ProcessEvent) },
        'text/plain': { schema: Type.String({ description: 'The bare bytes.' }) },
        'application/octet-stream': {
          schema: Type.String({ format: 'binary', description: 'The bare bytes.' }),
        },
      },
    },
    204: Type.Null({ description: 'SSE: the process is over and the cursor is at its end.' }),
    ...problems(
      'invalid_request',
      'invalid_cursor',
      'process_not_found',
      'not_acceptable',
      'cursor_ahead',
      'process_expired',
      'internal_error',
      'store_unavailable',
      'http_version_unsupported',
    ),
  },
} as const;
