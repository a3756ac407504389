import { Type } from '@sinclair/typebox';
import { WakeEvent } from './events.ts';
import { problems } from './problem.ts';
import {
  AfterSeq,
  LastEventIdHeader,
  ProcessParams,
  count,
  named,
  oneOfStrings,
  ref,
} from './schema.ts';

/** The head of a log. */
export const Wake = named(
  'Wake',
  Type.Object({
    next_seq: count('The seq that the next event will have.'),
    closed: Type.Boolean(),
    failed: Type.Boolean(),
  }),
);

/** `GET /processes/{process_id}/wake` */
export const subscribeWake = {
  operationId: 'subscribeWake',
  summary: 'Be told when there is something to read',
  description:
    'The newest seq, coalesced. JSON: as soon as the log is past the cursor, at once when the ' +
    'process is over, or at the deadline. SSE: now and on each change.',
  tags: ['streams'],
  params: ProcessParams,
  headers: LastEventIdHeader,
  querystring: Type.Object(
    {
      after_seq: Type.Optional(AfterSeq),
      wait_ms: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 60_000,
          description: 'JSON: the deadline, default 0.',
        }),
      ),
      format: Type.Optional(oneOfStrings(['json', 'sse'], 'Beats `Accept`.')),
    },
    { additionalProperties: false },
  ),
  response: {
    200: {
      description: 'The head.',
      content: {
        'application/json': { schema: ref(Wake) },
        'text/event-stream': { schema: ref(WakeEvent) },
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
