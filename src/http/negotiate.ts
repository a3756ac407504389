import type { IncomingMessage } from 'node:http';
import Negotiator from 'negotiator';
import { ProcessionError } from '../errors.ts';

/** The media type of each representation. */
const mediaTypes = {
  json: 'application/json',
  sse: 'text/event-stream',
  ndjson: 'application/x-ndjson',
  text: 'text/plain',
  raw: 'application/octet-stream',
} as const;

/** May follow a type in an `Accept`: some clients ask for what the answer then is called. */
const charset = ';charset=utf-8';

/** A representation, as the `format` of a query names it. */
export type Format = keyof typeof mediaTypes;

/**
 * The representation that a request wants: its `format`, else the best of `offered` by its
 * `Accept` (RFC 9110, section 12.5.1). The first one offered answers `any type` and no `Accept`.
 * Throws `not_acceptable`.
 */
export function negotiate<Offer extends Format>(
  request: IncomingMessage,
  format: Offer | undefined,
  offered: readonly Offer[],
): Offer {
  if (format !== undefined) return format;
  const types = offered.flatMap((offer) => [mediaTypes[offer], `${mediaTypes[offer]}${charset}`]);
  const [type] = new Negotiator(request).mediaTypes(types);
  const offer = offered.find((candidate) => mediaTypes[candidate] === type?.replace(charset, ''));
  if (offer !== undefined) return offer;
  const choices = offered.map((candidate) => mediaTypes[candidate]).join(', ');
  throw new ProcessionError('not_acceptable', `this route answers as ${choices}`);
}
