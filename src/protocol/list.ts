import { Type } from '@sinclair/typebox';
import { problems } from './problem.ts';
import { ProcessList, processStates } from './process.ts';
import { oneOfStrings, ref } from './schema.ts';

/** `GET /processes` */
export const listProcesses = {
  operationId: 'listProcesses',
  summary: 'List processes, newest first',
  tags: ['processes'],
  querystring: Type.Object(
    {
      state: Type.Optional(oneOfStrings(processStates, 'Only processes in this state.')),
      label: Type.Optional(
        Type.Array(Type.String({ pattern: '=' }), {
          description: '`key=value`, percent-encoded; may be repeated, all must match.',
        }),
      ),
      limit: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 1000, description: 'Most on a page; default 100.' }),
      ),
      cursor: Type.Optional(Type.String({ description: 'The `next_cursor` of the last page.' })),
    },
    { additionalProperties: false },
  ),
  response: {
    200: {
      description: 'A page of processes.',
      content: { 'application/json': { schema: ref(ProcessList) } },
    },
    ...problems('invalid_request', 'internal_error'),
  },
} as const;
