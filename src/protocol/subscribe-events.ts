import { Type } from '@sinclair/typebox';
import { ProcessEvent } from './events.ts';
import { Problem, problems } from './problem.ts';
import {
  AfterSeq,
  Encoding,
  LastEventIdHeader,
  ProcessParams,
  oneOfStrings,
  ref,
} from './schema.ts';

/** `GET /processes/{process_id}/events` */
export const subscribeEvents = {
  operationId: 'subscribeEvents',
  summary: 'Follow the events of a process',
  description:
    'Starts after the cursor, or without one at the replay, and goes live. Ends cleanly after ' +
    '`closed` or `failed` only. A cursor older than the replay is redirected to the retained output.',
  tags: ['streams'],
  params: ProcessParams,
  headers: LastEventIdHeader,
  querystring: Type.Object(
    {
      after_seq: Type.Optional(AfterSeq),
      encoding: Type.Optional(Encoding),
      format: Type.Optional(oneOfStrings(['sse', 'ndjson'], 'Beats `Accept`.')),
    },
    { additionalProperties: false },
  ),
  response: {
    200: {
      description: 'The events; each `data` is one `ProcessEvent`.',
      content: {
        'text/event-stream': { schema: ref(ProcessEvent) },
        'application/x-ndjson': { schema: ref(ProcessEvent) },
      },
    },
    204: Type.Null({ description: 'The process is over and the cursor is at its end.' }),
    307: {
      description: 'The cursor is older than the replay.',
      headers: {
        Location: Type.String({ description: 'The same stream of retained output.' }),
      },
      content: { 'application/problem+json': { schema: ref(Problem) } },
    },
    ...problems(
      'invalid_request',
      'invalid_cursor',
      'process_not_found',
      'not_acceptable',
      'cursor_ahead',
      'process_expired',
      'internal_error',
      'draining',
      'store_unavailable',
      'http_version_unsupported',
    ),
  },
} as const;
