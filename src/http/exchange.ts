import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProcessionError } from '../errors.ts';
import type { ResponseStream } from './response-stream.ts';
import { openResponse } from './response-stream.ts';

/** A request that is answered with a stream, and how. */
export interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** How long the reader may take no byte before it is cut. */
  readonly stallMs: number;
}

/** The head of a response that streams. */
export interface StreamHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Opens a streamed response. Null when there is nothing to stream: a HEAD request, which got
 * its headers. Throws `http_version_unsupported` where an abrupt end could not be told from a
 * clean one.
 */
export function openStream(
  { request, reply, stallMs }: Exchange,
  { status, headers }: StreamHead,
): ResponseStream | null {
  requireStreams(request);
  if (request.method !== 'HEAD') return openResponse(reply, { status, headers, stallMs });
  openResponse(reply, { status, headers: withoutTrailer(headers), stallMs }).end();
  return null;
}

/** Throws `http_version_unsupported` for a request that no stream can answer. */
export function requireStreams({ raw }: FastifyRequest): void {
  if (raw.httpVersion !== '1.0') return;
  throw new ProcessionError('http_version_unsupported', 'streams need HTTP/1.1 or newer');
}

/** Node refuses to announce the trailers of a body that does not come. */
function withoutTrailer(headers: StreamHead['headers']): StreamHead['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'trailer'));
}

/** Aborts when the client has gone away, or has its answer. */
export function goneSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => {
    gone.abort();
  });
  return gone.signal;
}
