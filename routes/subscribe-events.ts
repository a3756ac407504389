import { eventHeaders } from '../src/http/event-response.ts';
import { follow, openOrRetry } from '../src/http/follow.ts';
import { negotiate } from '../src/http/negotiate.ts';
import { redirectLagged } from '../src/http/redirect.ts';
import { cursorOf } from '../src/log/cursor.ts';
import { subscribeEvents as schema } from '../src/protocol/subscribe-events.ts';
import type { RouteContext } from '../src/http/route-context.ts';
import { outputUrl } from '../src/protocol/urls.ts';

/** `GET /processes/{process_id}/events` */
export function subscribeEvents(context: RouteContext): void {
  const { app, backend, heartbeatMs, stallMs, pathPrefix } = context;
  app.get('/processes/:process_id/events', { schema }, async (request, reply) => {
    const { params, query, headers } = request;
    const { process_id } = params;
    const format = negotiate(request.raw, query.format, ['sse', 'ndjson']);
    const exchange = { request, reply, stallMs };
    const subscription = await openOrRetry(exchange, format, async () => {
      const process = await backend.get(process_id);
      const after_seq = cursorOf(headers['last-event-id'], query.after_seq);
      return process.subscribeEvents({ after_seq, from: 'replay' });
    });
    if (subscription === null) return;
    if (subscription.kind === 'ended') {
      return reply.code(204).headers(eventHeaders(format)).send(null);
    }
    const url = outputUrl(pathPrefix, process_id);
    if (subscription.kind === 'lagged') {
      return redirectLagged(exchange, url(subscription.after_seq), format);
    }
    const style = { format, encoding: query.encoding ?? 'utf8', outputUrl: url };
    return follow(exchange, { stream: subscription.stream, style, heartbeatMs });
  });
}
