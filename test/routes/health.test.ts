import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestService } from '../support/service.ts';
import { openService } from '../support/service.ts';
import { Client } from './client.ts';
import { told } from './problems.ts';

let service: TestService;
let client: Client;

beforeAll(async () => {
  service = await openService();
  client = new Client(service);
});

afterAll(() => service.stop());

const json = 'application/json; charset=utf-8';

describe('the health of the service', () => {
  it.each([
    ['/livez', { status: 'ok' }],
    ['/readyz', { status: 'ready' }],
  ])('%s is good', async (path, body) => {
    expect(told(await client.get(path))).toEqual({ status: 200, type: json, body });
  });

  it('is measured in the text format of Prometheus', async () => {
    await client.start({ process_id: 'p', argv: ['echo', 'hello'] });
    await client.closed('p');
    await client.post('/processes', { argv: ['no-such-command'] });
    const { status, headers } = await client.get('/metrics');
    expect([status, headers.get('content-type')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
    const names = [
      'procession_starts_total',
      'procession_start_failures_total{code="command_not_found"}',
      'procession_exits_total{reason="exited"}',
      'procession_output_bytes_total',
      'procession_log_events_total',
      'procession_running',
      'procession_readers',
      'procession_spawn_seconds_count',
    ];
    const values = await Promise.all(
      names.map(async (name) => [name, await client.metric(name.replace(/[{}]/g, '\\$&'))]),
    );
    expect(Object.fromEntries(values)).toEqual({
      procession_starts_total: 1,
      'procession_start_failures_total{code="command_not_found"}': 1,
      'procession_exits_total{reason="exited"}': 1,
      procession_output_bytes_total: 6,
      procession_log_events_total: 3,
      procession_running: 0,
      procession_readers: 0,
      procession_spawn_seconds_count: 1,
    });
  });

  it('counts the processes that run and the streams that are open', async () => {
    await client.startCat('cat');
    const stream = await client.open('/processes/cat/events');
    expect(await client.metric('procession_running')).toBe(1);
    expect(await client.metric('procession_readers')).toBe(1);
    await client.finish('cat');
    await stream.text();
    expect(await client.metric('procession_running')).toBe(0);
    expect(await client.metric('procession_readers')).toBe(0);
  });

  it('is described, as every route is', async () => {
    const { status, body } = await client.get('/openapi.json');
    const { openapi, paths } = body as { openapi: string; paths: Record<string, object> };
    expect([status, openapi]).toEqual([200, '3.1.0']);
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => {
        const { operationId } = operation as { operationId: string };
        return `${method} ${path} ${operationId}`;
      }),
    );
    expect(operations.sort()).toEqual([
      'delete /processes/{process_id} removeProcess',
      'get /livez getLiveness',
      'get /metrics getMetrics',
      'get /openapi.json getOpenApi',
      'get /processes listProcesses',
      'get /processes/{process_id} getProcess',
      'get /processes/{process_id}/events subscribeEvents',
      'get /processes/{process_id}/output readOutput',
      'get /processes/{process_id}/wake subscribeWake',
      'get /readyz getReadiness',
      'post /processes startProcess',
      'post /processes/{process_id}/resize resizeTerminal',
      'post /processes/{process_id}/signal signalProcess',
      'post /processes/{process_id}/stdin writeStdin',
      'post /processes/{process_id}/terminate terminateProcess',
    ]);
  });
});
