import { getLiveness, getMetrics, getOpenApi, getReadiness } from '../src/protocol/health.ts';
import type { RouteContext } from '../src/http/route-context.ts';

/** `GET /livez`, `/readyz`, `/metrics` and `/openapi.json` */
export function health({ app, isDraining, metrics, openApi }: RouteContext): void {
  app.get('/livez', { schema: getLiveness }, () => ({ status: 'ok' as const }));

  app.get('/readyz', { schema: getReadiness }, (_request, reply) => {
    if (!isDraining()) return { status: 'ready' as const };
    reply.code(503);
    return { status: 'draining' as const };
  });

  app.get('/metrics', { schema: getMetrics }, async (_request, reply) => {
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(await metrics());
  });

  app.get('/openapi.json', { schema: getOpenApi }, () => openApi);
}
