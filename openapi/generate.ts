/** Writes openapi.json from the schemas of the routes. */
import { writeFileSync } from 'node:fs';
import { pino } from 'pino';
import { buildApp } from '../src/app.ts';
import { loadConfig } from '../src/config.ts';
import type { ExecBackend } from '../src/exec-backend.ts';
import { Metrics } from '../src/http/metrics.ts';

const unused = (): never => {
  throw new Error('nothing is called while the document is made');
};
const backend: ExecBackend = { start: unused, get: unused, list: unused, remove: unused };

const app = await buildApp({
  config: loadConfig({}),
  backend,
  metrics: new Metrics(),
  log: pino({ level: 'silent' }),
  isDraining: () => false,
});
const document = `${JSON.stringify(app.swagger(), null, 2)}\n`;
writeFileSync(new URL('openapi.json', import.meta.url), document);
await app.close();
