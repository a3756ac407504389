import { Type } from '@sinclair/typebox';
import { problems } from './problem.ts';
import { TerminatedProcess } from './process.ts';
import { ProcessParams, durationMs, named, ref } from './schema.ts';
import { SignalName } from './signal.ts';

/** The body of a termination; may be absent. */
export const TerminateRequest = named(
  'TerminateRequest',
  Type.Object(
    {
      signal: Type.Optional(SignalName),
      grace_ms: Type.Optional(durationMs('Until SIGKILL; default: that of the start.')),
      wait_ms: Type.Optional(durationMs('Answer at `closed`, or after this; default 0.')),
    },
    { additionalProperties: false },
  ),
);

/** `POST /processes/{process_id}/terminate` */
export const terminateProcess = {
  operationId: 'terminateProcess',
  summary: 'End a process and all that it started',
  description:
    'Asks the whole group with `signal` (SIGTERM), waits the grace, then kills it and every ' +
    'descendant that can be found, also when the process itself has exited. May be repeated.',
  tags: ['control'],
  params: ProcessParams,
  body: ref(TerminateRequest),
  querystring: Type.Object({}, { additionalProperties: false }),
  response: {
    200: {
      description: 'It was asked to end, or is over.',
      content: { 'application/json': { schema: ref(TerminatedProcess) } },
    },
    ...problems(
      'invalid_request',
      'invalid_json',
      'process_not_found',
      'request_timeout',
      'process_expired',
      'body_too_large',
      'unsupported_media_type',
      'internal_error',
    ),
  },
} as const;
