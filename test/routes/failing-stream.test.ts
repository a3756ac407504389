import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { buildApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { ProcessionError } from '../../src/errors.ts';
import type { EventStream, ExecBackend, ExecProcess, WakeStream } from '../../src/exec-backend.ts';
import type { OutputPage } from '../../src/exec-types.ts';
import { emptyPage } from '../support/empty-page.ts';
import { Client } from './client.ts';
import { readAll } from './events.ts';

const damaged = new Error('damaged log: secret path');

const fail = () => Promise.reject(damaged);

/** Gives these in turn, then fails. */
function failingAfter<Given>(...given: readonly Given[]) {
  const left = [...given];
  return () => {
    const next = left.shift();
    return next === undefined ? fail() : Promise.resolve(next);
  };
}

const close = (): void => undefined;

const page: OutputPage = { ...emptyPage, head_seq: 2 };

/** A process whose streams give one thing and then fail. */
function failing(): ExecProcess {
  const chunk = Buffer.from('a');
  const events: EventStream = {
    next: failingAfter([{ type: 'output', seq: 1, stream: 'stdout', chunk }]),
    close,
  };
  const wakes: WakeStream = {
    next: failingAfter({ seq: 1, next_seq: 2, closed: false, failed: false }),
    close,
  };
  return {
    process_id: 'p',
    snapshot: fail,
    read: () => Promise.resolve(page),
    write: fail,
    signal: fail,
    resize: fail,
    terminate: fail,
    subscribeEvents: () => Promise.resolve({ kind: 'stream', stream: events }),
    subscribeWake: () => Promise.resolve({ kind: 'stream', stream: wakes }),
  };
}

/** A service that has this process alone, and the errors that it logs. */
async function serviceOf(process: ExecProcess): Promise<{ client: Client; logged: unknown[] }> {
  const logged: unknown[] = [];
  const log = pino(
    { level: 'error', base: null, timestamp: false },
    { write: (line) => logged.push(JSON.parse(line)) },
  );
  const backend: ExecBackend = {
    start: fail,
    get: () => Promise.resolve(process),
    list: fail,
    remove: fail,
  };
  const config = loadConfig({});
  const metrics = { text: fail };
  const app = await buildApp({
    config,
    backend,
    metrics,
    log,
    health: () => 'ready',
    openApi: {},
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => {
    app.server.closeAllConnections();
    return app.close();
  });
  const { port } = app.server.address() as AddressInfo;
  return { client: new Client({ url: `http://127.0.0.1:${port}` }), logged };
}

const output = '{"type":"output","seq":1,"stream":"stdout","encoding":"utf8","chunk":"a"}';
const frame = `event: output\ndata: ${output}\nid: 1\n\n`;

describe('a stream that the store fails', () => {
  it.each([
    ['events', `retry: 2000\n\n${frame}`],
    ['events?format=ndjson', `${output}\n`],
    ['output?format=sse', `retry: 2000\n\n${frame}`],
    ['output?format=raw&follow=true', 'a'],
    ['output?format=text', 'a'],
    ['wake?format=sse', 'retry: 2000\n\nevent: wake\ndata: {"type":"wake","seq":1}\nid: 1\n\n'],
  ])('ends %s abruptly after what was given, and says so in the log only', async (path, text) => {
    const { client, logged } = await serviceOf(failing());
    const response = await client.open(`/processes/p/${path}`);
    expect(response.status).toBe(200);
    expect(await readAll(response)).toEqual({ text, end: 'abrupt' });
    expect(logged).toMatchObject([{ level: 50, err: { message: 'damaged log: secret path' } }]);
  });

  it.each(['output?format=raw', 'output?format=text&follow=true'])(
    'as it begins ends %s abruptly',
    async (path) => {
      const { client, logged } = await serviceOf({ ...failing(), subscribeEvents: fail });
      const response = await client.open(`/processes/p/${path}`);
      expect(await readAll(response)).toEqual({ text: '', end: 'abrupt' });
      expect(logged.length).toBe(1);
    },
  );
});

describe('a process that is removed while it is asked for', () => {
  it.each(['output', 'output?format=raw', 'wake'])('is gone on %s', async (path) => {
    const expired = new ProcessionError('process_expired', 'its output was removed');
    const { client } = await serviceOf({ ...failing(), read: () => Promise.reject(expired) });
    const { status, body } = await client.get(`/processes/p/${path}`);
    expect([status, body]).toMatchObject([410, { code: 'process_expired' }]);
  });
});
