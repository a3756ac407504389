import type { Static } from '@sinclair/typebox';
import { Type } from '@sinclair/typebox';
import { problems } from './problem.ts';
import { ProcessParams, count, named, ref } from './schema.ts';

const WriteId = Type.String({
  minLength: 1,
  maxLength: 256,
  description: 'Makes the write repeatable: the same id and bytes are written once.',
});

/** The JSON body of a write. */
export const WriteRequest = named(
  'WriteRequest',
  Type.Object(
    {
      chunk: Type.Optional(
        Type.String({
          contentEncoding: 'base64',
          description: 'Bytes as strict base64; not together with `text`.',
        }),
      ),
      text: Type.Optional(Type.String({ description: 'Text, written as UTF-8.' })),
      write_id: Type.Optional(WriteId),
      eof: Type.Optional(Type.Boolean({ description: 'End the input after these bytes.' })),
    },
    { additionalProperties: false },
  ),
);

/** What a write answers. */
export const WriteResult = named(
  'WriteResult',
  Type.Object({
    status: Type.Literal('accepted'),
    accepted_bytes: count('Bytes of this write that are in the kernel or in the bounded queue.'),
    stdin_bytes: count('Bytes that the process has accepted in all.'),
  }),
);

/** `POST /processes/{process_id}/stdin` */
export const writeStdin = {
  operationId: 'writeStdin',
  summary: 'Write to the standard input',
  description:
    'Writes are taken one after the other, in order of arrival. A raw body may have any length ' +
    'and is taken as the child reads.',
  tags: ['control'],
  params: ProcessParams,
  headers: Type.Object({ 'write-id': Type.Optional(WriteId) }),
  querystring: Type.Object(
    {
      eof: Type.Optional(
        Type.Boolean({ description: 'End the input after these bytes; for a raw body.' }),
      ),
    },
    { additionalProperties: false },
  ),
  body: Type.Unsafe<Static<typeof WriteRequest>>({
    content: {
      'application/json': { schema: ref(WriteRequest) },
      'application/octet-stream': { schema: {} },
    },
  }),
  response: {
    200: {
      description: 'The bytes are accepted.',
      content: { 'application/json': { schema: ref(WriteResult) } },
    },
    ...problems(
      'invalid_request',
      'invalid_json',
      'process_not_found',
      'request_timeout',
      'stdin_closed',
      'write_id_conflict',
      'process_expired',
      'body_too_large',
      'unsupported_media_type',
      'stdin_full',
      'internal_error',
    ),
  },
} as const;
