import type { TSchema } from '@sinclair/typebox';
import { Type } from '@sinclair/typebox';
import type { ErrorCode } from '../errors.ts';
import { errorTable } from '../errors.ts';
import { count, named, oneOfStrings, ref } from './schema.ts';

/** Every code that a problem can have. */
const errorCodes = Object.keys(errorTable);

/** An error as RFC 9457 problem details. */
export const Problem = named(
  'Problem',
  Type.Object(
    {
      type: Type.String({ description: '`urn:procession:problem:` and the code.' }),
      title: Type.String({ description: 'The same for every problem of this code.' }),
      status: Type.Integer(),
      detail: Type.String({ description: 'What was expected and what came.' }),
      instance: Type.String({ description: 'The id of the request, as in the log.' }),
      code: oneOfStrings(errorCodes, 'Stable; decide by this.'),
      errno: Type.Optional(Type.String({ description: 'The error of the system, as `ENOENT`.' })),
      member: Type.Optional(
        Type.String({ description: 'What this host cannot keep, with `unsupported`.' }),
      ),
      errors: Type.Optional(
        Type.Array(
          Type.Object({
            pointer: Type.String({ description: 'JSON pointer, or the name in the query.' }),
            detail: Type.String(),
          }),
        ),
      ),
      head_seq: Type.Optional(count('The newest seq, with `cursor_ahead`.')),
      next_seq: Type.Optional(count('`head_seq` + 1, with `cursor_ahead`.')),
      accepted_bytes: Type.Optional(count('Bytes of this write that were accepted.')),
      stdin_bytes: Type.Optional(count('Bytes that the process has accepted in all.')),
    },
    { additionalProperties: true },
  ),
);

/** A response that is a problem. */
interface ProblemResponse {
  readonly description: string;
  readonly content: { readonly 'application/problem+json': { readonly schema: TSchema } };
}

/** The responses of an operation for these codes, one for each status. */
export function problems(...codes: readonly ErrorCode[]): Record<string, ProblemResponse> {
  const byStatus = Map.groupBy(codes, (code) => errorTable[code].status);
  const responses = [...byStatus].map(([status, names]): [string, ProblemResponse] => [
    String(status),
    {
      description: names.map((name) => `\`${name}\``).join(', '),
      content: { 'application/problem+json': { schema: ref(Problem) } },
    },
  ]);
  return Object.fromEntries(responses);
}
