import type { Static, TInteger, TSchema, TString, TUnsafe } from '@sinclair/typebox';
import { Type } from '@sinclair/typebox';

/** The largest integer of the wire, 2^53 − 1. */
export const integerMax = Number.MAX_SAFE_INTEGER;

/** The largest duration of the wire in milliseconds: what a timer can hold. */
const durationMsMax = 2_147_483_647;

/** A schema that is a named component of the OpenAPI document. */
export function named<Schema extends TSchema>($id: string, schema: Schema): Schema {
  return { ...schema, $id };
}

/** A reference to a named component, with its type. */
export function ref<Schema extends TSchema>({ $id }: Schema): TUnsafe<Static<Schema>> {
  return Type.Unsafe<Static<Schema>>({ $ref: `${$id ?? ''}#` });
}

/** The same as `schema`, or null. */
export function nullable<Schema extends TSchema>(schema: Schema): TUnsafe<Static<Schema> | null> {
  const type: unknown = schema['type'];
  return Type.Unsafe<Static<Schema> | null>({ ...schema, type: [type, 'null'] });
}

/** One of several strings. */
export function oneOfStrings<const Values extends readonly string[]>(
  values: Values,
  description: string,
): TUnsafe<Values[number]> {
  return Type.Unsafe<Values[number]>({ type: 'string', enum: values, description });
}

/** One of several strings, or null. */
export function nullableOneOfStrings<const Values extends readonly string[]>(
  values: Values,
  description: string,
): TUnsafe<Values[number] | null> {
  const type = ['string', 'null'];
  return Type.Unsafe<Values[number] | null>({ type, enum: [...values, null], description });
}

/** A sequence number or a count of events or bytes. */
export function count(description: string): TInteger {
  return Type.Integer({ minimum: 0, maximum: integerMax, description });
}

/** A duration in milliseconds. */
export function durationMs(description: string, options: { minimum?: number } = {}): TInteger {
  return Type.Integer({ minimum: 0, maximum: durationMsMax, ...options, description });
}

/** A time as RFC 3339 in UTC with milliseconds. */
export function time(description: string): TString {
  return Type.String({ format: 'date-time', description });
}

/** Marks a query member that the route reads itself. */
export const cursorMark = 'x-cursor';

/**
 * A cursor in a query. Reaches the route as the text that was sent, since a malformed cursor
 * is told only after an unknown process was.
 */
export const AfterSeq = Type.Unsafe<unknown>({
  [cursorMark]: true,
  description:
    'Answer with what follows this seq. A non-empty `Last-Event-ID` header beats it on streams.',
});

/** How chunks are written. */
export const Encoding = oneOfStrings(
  ['utf8', 'base64'],
  'How chunks are written: `utf8` (default) gives text for valid UTF-8 without NUL and base64 for ' +
    'any other chunk; `base64` gives base64 for all.',
);

/** The path parameter of every route of one process. */
export const ProcessParams = Type.Object({
  process_id: Type.String({
    description: 'The key of the process, chosen by the caller or the service; not a pid.',
  }),
});

/** The header that resumes a stream. */
export const LastEventIdHeader = Type.Object({
  'last-event-id': Type.Optional(
    Type.String({ description: 'The id of the last event received, as `EventSource` sends it.' }),
  ),
});
