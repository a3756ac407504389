import { Type } from '@sinclair/typebox';
import { problems } from './problem.ts';
import { Process } from './process.ts';
import { ProcessParams, ref } from './schema.ts';

/** `GET /processes/{process_id}` */
export const getProcess = {
  operationId: 'getProcess',
  summary: 'Look at a process',
  tags: ['processes'],
  params: ProcessParams,
  querystring: Type.Object({}, { additionalProperties: false }),
  response: {
    200: {
      description: 'What is known of it now.',
      content: { 'application/json': { schema: ref(Process) } },
    },
    ...problems('invalid_request', 'process_not_found', 'process_expired', 'internal_error'),
  },
} as const;
