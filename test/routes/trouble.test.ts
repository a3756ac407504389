import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { buildApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { ProcessionError } from '../../src/errors.ts';
import type { ExecBackend } from '../../src/exec-backend.ts';
import { eventually } from '../support/eventually.ts';
import { startService } from '../support/service.ts';
import { Client, startReluctant } from './client.ts';
import { readAll } from './events.ts';
import { problem, refusal, told } from './problems.ts';

/** A service all of whose questions to its backend fail like this. */
async function failingWith(error: Error): Promise<Client> {
  const fail = () => Promise.reject(error);
  const backend: ExecBackend = { start: fail, get: fail, list: fail, remove: fail };
  const app = await buildApp({
    config: loadConfig({}),
    backend,
    metrics: { text: fail },
    log: pino({ level: 'silent' }),
    health: () => 'ready',
    openApi: {},
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  return new Client({ url: `http://127.0.0.1:${port}` });
}

const unavailable = new ProcessionError('store_unavailable', 'the store is not reachable');

describe('trouble that passes', () => {
  it.each(['events', 'output?format=sse', 'wake?format=sse'])(
    'is not final for an EventSource on %s',
    async (path) => {
      const client = await failingWith(unavailable);
      const response = await client.open(`/processes/p/${path}`);
      const { status, headers } = response;
      expect([status, headers.get('content-type')]).toEqual([
        200,
        'text/event-stream; charset=utf-8',
      ]);
      expect(await readAll(response)).toEqual({ text: 'retry: 2000\n\n', end: 'abrupt' });
    },
  );

  it.each(['events?format=ndjson', 'output', 'output?format=raw', 'wake', ''])(
    'is 503 with Retry-After on %s',
    async (path) => {
      const client = await failingWith(unavailable);
      const reply = await client.get(`/processes/p/${path}`.replace(/\/$/, ''));
      expect(told(reply)).toEqual(refusal(503, 'store_unavailable'));
      expect(reply.headers.get('retry-after')).toMatch(/^\d+$/);
    },
  );
});

describe('an error of the service itself', () => {
  it('is told without anything of its inside', async () => {
    const client = await failingWith(new Error('secret of /etc/passwd'));
    for (const reply of [
      await client.get('/processes'),
      await client.get('/processes/p'),
      await client.get('/processes/p/output'),
      await client.delete('/processes/p'),
      await client.post('/processes', { argv: ['true'] }),
      await client.post('/processes/p/stdin', { text: 'a' }),
      await client.get('/metrics'),
    ]) {
      expect(told(reply)).toEqual(refusal(500, 'internal_error'));
      expect(JSON.stringify(reply.body)).not.toContain('secret');
    }
  });
});

describe('a service that shuts down', () => {
  it('refuses starts, is not ready, and sends streams away so that they come back', async () => {
    const service = await startService({ SHUTDOWN_GRACE_MS: 20_000 });
    const client = new Client(service);
    const release = await startReluctant(client, 'p');
    const longPoll = client.get('/processes/p/output?after_seq=1&wait_ms=60000');
    const stopped = service.stop();
    await eventually(
      () => client.get('/readyz'),
      ({ status }) => status === 503,
    );
    expect((await client.get('/readyz')).body).toEqual({ status: 'draining' });
    expect((await client.get('/livez')).body).toEqual({ status: 'ok' });
    expect((await longPoll).body).toMatchObject({ chunks: [], next_seq: 2, head_seq: 1 });
    const refused = await client.post('/processes', { argv: ['true'] });
    expect(told(refused)).toEqual(refusal(503, 'draining'));
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    for (const path of ['events', 'output?format=sse', 'wake?format=sse']) {
      const response = await client.open(`/processes/p/${path}`);
      expect(response.status).toBe(200);
      const { text, end } = await readAll(response);
      expect(text).toMatch(
        /^retry: 2000\n\nretry: \d{3,4}\n\nevent: draining\ndata: \{"type":"draining"\}\n\n$/,
      );
      expect(end).toBe('abrupt');
    }
    expect((await client.get('/processes/unknown/events')).body).toEqual(
      problem(404, 'process_not_found'),
    );
    release();
    await stopped;
    await expect(client.get('/livez')).rejects.toThrow();
  });
});
