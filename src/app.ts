import type { FastifyBaseLogger } from 'fastify';
import { registerRoutes } from '../routes/index.ts';
import type { Config } from './config.ts';
import type { ExecBackend } from './exec-backend.ts';
import type { Metrics } from './http/metrics.ts';
import type { HealthState } from './http/route-context.ts';
import type { Server } from './http/server.ts';
import { createServer } from './http/server.ts';
import { components } from './protocol/components.ts';

/** What an app is built of. */
export interface AppParts {
  readonly config: Config;
  readonly backend: ExecBackend;
  readonly metrics: Pick<Metrics, 'text'>;
  readonly log: FastifyBaseLogger;
  readonly health: () => HealthState;
  /** The OpenAPI document that the service answers with. */
  readonly openApi: object;
  /** Called with the server before its routes are registered. */
  readonly onServer?: (server: Server) => Promise<void>;
}

/** Builds the HTTP side of the service over any backend; opens no port. */
export async function buildApp(parts: AppParts): Promise<Server> {
  const { config, backend, metrics, log, health, openApi, onServer } = parts;
  const { bodyBytesMax, requestMsMax, heartbeatMs, readerStallMs, pathPrefix } = config;
  const app = createServer({ log, bodyBytesMax, requestMsMax });
  await onServer?.(app);
  for (const component of components) app.addSchema(component);
  registerRoutes({
    app,
    backend,
    health,
    metrics: () => metrics.text(),
    openApi,
    heartbeatMs,
    stallMs: readerStallMs,
    uploadMsMax: requestMsMax,
    pathPrefix,
  });
  await app.ready();
  return app;
}
