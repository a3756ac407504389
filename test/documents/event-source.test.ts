import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createContext, runInContext } from 'node:vm';
import { EventSource } from 'eventsource';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cutFirst, openProxy } from '../support/cutting-proxy.ts';
import type { TestService } from '../support/service.ts';
import { eventually } from '../support/eventually.ts';
import { startService } from '../support/service.ts';
import { blocksOf, textOf } from './markdown.ts';

const snippet = blocksOf(textOf('README.md')).find(({ info }) => info === 'js eventsource');

/** What the snippet gave to its caller. */
interface Followed {
  readonly stdout: string;
  readonly gapBytes: number;
  readonly end: { readonly type: string; readonly exit_code?: number; readonly status?: number };
}

describe('the EventSource recipe of the README', () => {
  it('gets each byte once through a lag and broken connections, then stops', async () => {
    const service = await startService({ REPLAY_EVENTS_MAX: 4, HEARTBEAT_MS: 50 });
    await start(service, 'for i in $(seq 40); do echo line $i; sleep 0.02; done; exit 3');
    const proxy = await openProxy(service.url, cutFirst(2, 900));
    const { stdout, gapBytes, end } = await follow(proxy.url);
    const lines = Array.from({ length: 40 }, (_line, index) => `line ${index + 1}\n`);
    expect({ stdout, gapBytes, cuts: proxy.cuts }).toEqual({
      stdout: lines.join(''),
      gapBytes: 0,
      cuts: 2,
    });
    expect(end).toMatchObject({ type: 'closed', exit_code: 3 });
  });

  it('gives bytes that are no text exactly', async () => {
    const service = await startService();
    await start(service, String.raw`printf '\377\000\200'`);
    const { stdout } = await follow(service.url, 'latin1');
    expect(stdout).toBe('\xff\x00\x80');
  });

  it('is told how much is gone', async () => {
    const service = await startService({ RETAINED_OUTPUT_BYTES_MAX: 4096 });
    await start(service, 'head -c 100000 /dev/zero | tr "\\0" a');
    await closed(service);
    const { stdout, gapBytes, end } = await follow(service.url);
    expect({ total: stdout.length + gapBytes, type: end.type }).toEqual({
      total: 100_000,
      type: 'closed',
    });
    expect(gapBytes).toBeGreaterThan(0);
  });

  it('opens a new EventSource when a proxy has no answer of the service', async () => {
    const service = await startService();
    await start(service, 'echo hello');
    let asked = 0;
    const proxy = createServer((request, response) => {
      asked += 1;
      if (asked <= 3) response.writeHead(502).end();
      else response.writeHead(307, { location: service.url + String(request.url) }).end();
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    onTestFinished(() => {
      proxy.close();
    });
    const { port } = proxy.address() as AddressInfo;
    const { stdout } = await follow(`http://127.0.0.1:${port}`);
    expect({ stdout, asked: asked > 3 }).toEqual({ stdout: 'hello\n', asked: true });
  });

  it('ends when there is no such process', async () => {
    const { url } = await startService();
    const end = { type: 'refused', status: 404 };
    expect(await follow(url)).toEqual({ stdout: '', gapBytes: 0, end });
  });
});

function follow(base: string, encoding: 'utf8' | 'latin1' = 'utf8'): Promise<Followed> {
  const { promise, resolve } = Promise.withResolvers<Followed>();
  const chunks: Uint8Array[] = [];
  let gapBytes = 0;
  const context = createContext({ EventSource, TextEncoder, atob, base, fetch, setTimeout });
  runInContext(snippet?.text ?? '', context);
  const recipe = runInContext('(on) => follow(base, "p", on)', context) as (on: object) => void;
  recipe({
    output: (bytes: Uint8Array) => chunks.push(bytes),
    gap: ({ bytes }: { bytes: number }) => (gapBytes += bytes),
    end: (end: Followed['end']) => {
      // Copied, since an object of another context equals none of this one.
      const own = { ...end };
      resolve({ stdout: Buffer.concat(chunks).toString(encoding), gapBytes, end: own });
    },
  });
  return promise;
}

async function start({ url }: TestService, script: string): Promise<void> {
  const response = await fetch(`${url}/processes`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ process_id: 'p', argv: ['sh', '-c', script] }),
  });
  expect(response.status).toBe(201);
}

async function closed({ url }: TestService): Promise<void> {
  const state = async (): Promise<unknown> => {
    const answer = await fetch(`${url}/processes/p`);
    return ((await answer.json()) as { state: unknown }).state;
  };
  await eventually(state, (now) => now === 'closed');
}
