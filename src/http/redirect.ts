import type { FastifyReply } from 'fastify';
import { ProcessionError } from '../errors.ts';
import type { Exchange } from './exchange.ts';
import { jsonBytes, problemOf } from './problem.ts';

/**
 * Sends a lagged reader to the retained output, with the rest of its query. 307 is the only
 * redirect that every `EventSource` follows with its `Last-Event-ID`.
 */
export function redirectLagged(
  { request, reply }: Exchange,
  outputUrl: string,
  format: 'sse' | 'ndjson',
): FastifyReply {
  const [path = '', cursor = ''] = outputUrl.split('?');
  const query = new URLSearchParams(cursor);
  query.set('format', format);
  const asked = new URLSearchParams(request.url.split('?').slice(1).join('?'));
  for (const [name, value] of asked) if (!query.has(name)) query.append(name, value);
  const location = `${path}?${query.toString()}`;
  const problem = problemOf(
    new ProcessionError('lagged', `the stream goes on at ${location}`),
    request,
  );
  return reply
    .code(307)
    .headers({ location, 'cache-control': 'no-store', vary: 'Accept, Origin' })
    .type('application/problem+json')
    .send(jsonBytes(problem));
}
