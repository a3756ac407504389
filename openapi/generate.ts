/** Writes openapi.json from the schemas of the routes and the examples beside this file. */
import swagger from '@fastify/swagger';
import { writeFileSync } from 'node:fs';
import { pino } from 'pino';
import { buildApp } from '../src/app.ts';
import { loadConfig } from '../src/config.ts';
import type { ExecBackend } from '../src/exec-backend.ts';
import { Metrics } from '../src/http/metrics.ts';
import { withExamples } from './examples.ts';
import { openApiOptions } from './options.ts';

const unused = (): never => {
  throw new Error('nothing is called while the document is made');
};
const backend: ExecBackend = { start: unused, get: unused, list: unused, remove: unused };

const app = await buildApp({
  config: loadConfig({}),
  backend,
  metrics: new Metrics(),
  log: pino({ level: 'silent' }),
  health: () => 'ready',
  openApi: {},
  onServer: async (server) => {
    await server.register(swagger, openApiOptions);
  },
});
const document = withExamples(app.swagger());
writeFileSync(new URL('openapi.json', import.meta.url), `${JSON.stringify(document, null, 2)}\n`);
await app.close();
