import { getLiveness, getMetrics, getOpenApi, getReadiness } from '../src/protocol/health.ts';
import type { RouteContext } from '../src/http/route-context.ts';

/** `GET /livez`, `/readyz`, `/metrics` and `/openapi.json` */
export function health({ app, health: state, metrics, openApi }: RouteContext): void {
  app.get('/livez', { schema: getLiveness }, () => ({ status: 'ok' as const }));

  app.get('/readyz', { schema: getReadiness }, (_request, reply) => {
    const status = state();
    if (status === 'draining') reply.code(503);
    return { status };
  });

  app.get('/metrics', { schema: getMetrics }, async (_request, reply) => {
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(await metrics());
  });

  app.get('/openapi.json', { schema: getOpenApi }, () => openApi);
}
