import { Type } from '@sinclair/typebox';
import { problems } from './problem.ts';
import { Process } from './process.ts';
import { ProcessParams, named, oneOfStrings, ref } from './schema.ts';

/** The name of a signal: `SIGTERM`, or `SIGRTMIN+6` for a real-time one. */
export const SignalName = Type.String({
  pattern: '^SIG[A-Z0-9]+([+-][0-9]{1,2})?$',
  description: '`SIGTERM` and the like; real-time signals are `SIGRTMIN+6`.',
});

/** The body of a signal. */
export const SignalRequest = named(
  'SignalRequest',
  Type.Object(
    {
      signal: SignalName,
      scope: Type.Optional(
        oneOfStrings(['group', 'process'], 'The whole process group (default) or its leader.'),
      ),
    },
    { additionalProperties: false },
  ),
);

/** `POST /processes/{process_id}/signal` */
export const signalProcess = {
  operationId: 'signalProcess',
  summary: 'Send a signal',
  tags: ['control'],
  params: ProcessParams,
  body: ref(SignalRequest),
  querystring: Type.Object({}, { additionalProperties: false }),
  response: {
    200: {
      description: 'It was sent.',
      content: { 'application/json': { schema: ref(Process) } },
    },
    ...problems(
      'invalid_request',
      'invalid_json',
      'process_not_found',
      'request_timeout',
      'process_exited',
      'process_expired',
      'body_too_large',
      'unsupported_media_type',
      'internal_error',
    ),
  },
} as const;
