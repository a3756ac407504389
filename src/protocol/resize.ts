import { Type } from '@sinclair/typebox';
import { problems } from './problem.ts';
import { Process, TerminalSize } from './process.ts';
import { ProcessParams, ref } from './schema.ts';

/** `POST /processes/{process_id}/resize` */
export const resizeTerminal = {
  operationId: 'resizeTerminal',
  summary: 'Set the size of the terminal',
  tags: ['control'],
  params: ProcessParams,
  body: ref(TerminalSize),
  querystring: Type.Object({}, { additionalProperties: false }),
  response: {
    200: {
      description: 'The terminal has this size, and its foreground processes were told.',
      content: { 'application/json': { schema: ref(Process) } },
    },
    ...problems(
      'invalid_request',
      'invalid_json',
      'process_not_found',
      'request_timeout',
      'not_a_terminal',
      'process_exited',
      'process_expired',
      'body_too_large',
      'unsupported_media_type',
      'internal_error',
    ),
  },
} as const;
