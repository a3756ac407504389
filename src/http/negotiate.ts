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
  const [type] = new Negotiator(request).mediaTypes(offered.map((offer) => mediaTypes[offer]));
  const offer = offered.find((candidate) => mediaTypes[candidate] === type);
  if (offer !== undefined) return offer;
  const choices = offered.map((candidate) => mediaTypes[candidate]).join(', ');
  throw new ProcessionError('not_acceptable', `this route answers as ${choices}`);
}
