import { eventHeaders } from '../src/http/event-response.ts';
import { goneSignal } from '../src/http/exchange.ts';
import { openOrRetry } from '../src/http/follow.ts';
import { negotiate } from '../src/http/negotiate.ts';
import { followHead } from '../src/http/wake-response.ts';
import { cursorOf } from '../src/log/cursor.ts';
import { subscribeWake as schema } from '../src/protocol/subscribe-wake.ts';
import type { RouteContext } from '../src/http/route-context.ts';

/** `GET /processes/{process_id}/wake` */
export function subscribeWake({ app, backend, heartbeatMs, stallMs }: RouteContext): void {
  app.get('/processes/:process_id/wake', { schema }, async (request, reply) => {
    const { params, query, headers } = request;
    const format = negotiate(request.raw, query.format, ['json', 'sse']);
    const exchange = { request, reply, stallMs };
    if (format === 'json') {
      const process = await backend.get(params.process_id);
      const after_seq = cursorOf(undefined, query.after_seq) ?? 0;
      const { wait_ms = 0 } = query;
      const page = await process.read({ after_seq, max_bytes: 0, wait_ms }, goneSignal(reply));
      return { next_seq: page.head_seq + 1, closed: page.closed, failed: page.failure !== null };
    }
    const subscription = await openOrRetry(exchange, format, async () => {
      const process = await backend.get(params.process_id);
      const after_seq = cursorOf(headers['last-event-id'], query.after_seq);
      return process.subscribeWake({ after_seq });
    });
    if (subscription === null) return;
    if (subscription.kind === 'ended') {
      return reply.code(204).headers(eventHeaders(format)).send(null);
    }
    return followHead(exchange, { stream: subscription.stream, heartbeatMs });
  });
}
