import { Type } from '@sinclair/typebox';
import { problems } from './problem.ts';
import { ProcessParams } from './schema.ts';

/** `DELETE /processes/{process_id}` */
export const removeProcess = {
  operationId: 'removeProcess',
  summary: 'Remove a process that is over',
  description: 'Open streams get what was left. Its id answers 410 for an hour.',
  tags: ['processes'],
  params: ProcessParams,
  querystring: Type.Object(
    {
      force: Type.Optional(
        Type.Boolean({ description: 'Kill the whole tree first, and wait for its end up to 5 s.' }),
      ),
    },
    { additionalProperties: false },
  ),
  response: {
    204: Type.Null({ description: 'It is gone.' }),
    ...problems(
      'invalid_request',
      'process_not_found',
      'process_running',
      'process_expired',
      'internal_error',
      'store_unavailable',
    ),
  },
} as const;
