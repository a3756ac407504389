import type { TLiteral, TObject, TSchema, TUnsafe } from '@sinclair/typebox';
import { Type } from '@sinclair/typebox';
import { Process, exitMembers, failureMembers } from './process.ts';
import { count, named, oneOfStrings, ref } from './schema.ts';

const streamMembers = {
  seq: count('Number of the event in its log.'),
  stream: oneOfStrings(['stdout', 'stderr', 'pty'], 'The stream that was written to.'),
  encoding: oneOfStrings(['utf8', 'base64'], 'How `chunk` is written.'),
  chunk: Type.String({ description: 'At most 32 000 bytes of one stream, exact.' }),
};

/** One chunk of a page of output. */
export const OutputChunk = named('OutputChunk', Type.Object(streamMembers));

/** Bytes of one stream. */
const OutputEvent = event('output', 'OutputEvent', streamMembers);

/** The process was reaped. */
const ExitedEvent = event('exited', 'ExitedEvent', {
  seq: count('See `OutputEvent`.'),
  ...exitMembers,
});

/** The last event of a log. */
const ClosedEvent = event('closed', 'ClosedEvent', {
  seq: count('See `OutputEvent`.'),
  ...exitMembers,
  output_incomplete: Type.Boolean({ description: 'The wait for the output was cut short.' }),
});

/** The process can no longer be followed. */
const FailedEvent = event('failed', 'FailedEvent', {
  message: Type.String(),
  failure_reason: failureMembers.failure_reason,
  ...exitMembers,
});

/** Events that are retained no longer. */
const GapEvent = event('gap', 'GapEvent', {
  from_seq: count('The first missing seq.'),
  to_seq: count('The last missing seq.'),
  bytes: count('Bytes of output that are missing.'),
});

/** The reader fell behind the replay; the stream ends here. */
const LaggedEvent = event('lagged', 'LaggedEvent', {
  after_seq: count('The last seq that was sent.'),
  output_url: Type.String({ description: 'Where the stream goes on; path-absolute.' }),
});

/** The service shuts down; the stream ends here and can be resumed. */
const DrainingEvent = event('draining', 'DrainingEvent', {});

/** The first frame of a stream that a start answers with. */
const StartedEvent = named(
  'StartedEvent',
  Type.Object({ type: Type.Literal('started'), ...Process.properties }),
);

/** The newest seq of a log. */
export const WakeEvent = event('wake', 'WakeEvent', {
  seq: count('One past the log when it failed.'),
});

/** What the data of an event stream is, one JSON object an event. */
export const ProcessEvent = named(
  'ProcessEvent',
  unionByType([
    OutputEvent,
    ExitedEvent,
    ClosedEvent,
    FailedEvent,
    GapEvent,
    LaggedEvent,
    DrainingEvent,
  ]),
);

/** What the data of a stream that a start answers with is. */
export const StartStreamEvent = named(
  'StartStreamEvent',
  unionByType([
    StartedEvent,
    OutputEvent,
    ExitedEvent,
    ClosedEvent,
    FailedEvent,
    GapEvent,
    DrainingEvent,
  ]),
);

/** Every schema that a reference names, in the order of the document. */
export const eventSchemas = [
  OutputChunk,
  OutputEvent,
  ExitedEvent,
  ClosedEvent,
  FailedEvent,
  GapEvent,
  LaggedEvent,
  DrainingEvent,
  StartedEvent,
  WakeEvent,
  ProcessEvent,
  StartStreamEvent,
];

function event<const Name extends string, Members extends Record<string, TSchema>>(
  type: Name,
  $id: string,
  members: Members,
): EventSchema<Name, Members> {
  return named($id, Type.Object({ type: Type.Literal(type), ...members }));
}

type EventSchema<Name extends string, Members extends Record<string, TSchema>> = TObject<
  { type: TLiteral<Name> } & Members
>;

interface Variant extends TSchema {
  readonly properties: { readonly type: TLiteral<string> };
}

function unionByType(variants: readonly Variant[]): TUnsafe<unknown> {
  const mapping = variants.map(({ $id = '', properties }): [string, string] => [
    properties.type.const,
    `#/components/schemas/${$id}`,
  ]);
  return Type.Unsafe<unknown>({
    oneOf: variants.map((variant) => ref(variant)),
    discriminator: { propertyName: 'type', mapping: Object.fromEntries(mapping) },
  });
}
