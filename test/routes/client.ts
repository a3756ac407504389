import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { Process } from '../../src/protocol/process.ts';
import { eventually } from '../support/eventually.ts';

/** An answer with its whole body; JSON is parsed, everything else is text. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** The headers of a request. */
export type RequestHeaders = Readonly<Record<string, string>>;

const json = { 'content-type': 'application/json' };

/** Talks to a service as any HTTP client would; follows no redirect. */
export class Client {
  readonly url: string;

  constructor({ url }: { readonly url: string }) {
    this.url = url;
  }

  open(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`${this.url}${path}`, { redirect: 'manual', ...init });
  }

  async send(path: string, init: RequestInit = {}): Promise<Reply> {
    const response = await this.open(path, init);
    const { status, headers } = response;
    const text = await response.text();
    const isJson = /^application\/(problem\+)?json/.test(headers.get('content-type') ?? '');
    const body: unknown = isJson && text !== '' ? JSON.parse(text) : text;
    return { status, headers, body };
  }

  get(path: string, headers: RequestHeaders = {}): Promise<Reply> {
    return this.send(path, { headers });
  }

  delete(path: string): Promise<Reply> {
    return this.send(path, { method: 'DELETE' });
  }

  /** Posts an object as JSON, a text as it is but called JSON. */
  post(path: string, body: object | string, headers: RequestHeaders = {}): Promise<Reply> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return this.send(path, { method: 'POST', body: text, headers: { ...json, ...headers } });
  }

  /** Posts raw bytes. */
  upload(
    path: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers: RequestHeaders = {},
  ): Promise<Reply> {
    const type = { 'content-type': 'application/octet-stream' };
    return this.send(path, { method: 'POST', body, headers: { ...type, ...headers } });
  }

  /** Starts a process that must start. */
  async start(params: object): Promise<Process> {
    const { status, body } = await this.post('/processes', params);
    if (status !== 201) throw new Error(`not started: ${JSON.stringify(body)}`);
    return body as Process;
  }

  /** Starts `cat`, which writes what it is given: one event for each {@link emit}. */
  startCat(process_id: string, params: object = {}): Promise<Process> {
    return this.start({ process_id, argv: ['cat'], pipe_stdin: true, ...params });
  }

  /** Lets a `cat` write one event after the other. */
  async emit(process_id: string, ...texts: readonly string[]): Promise<void> {
    for (const text of texts) {
      const { next_seq } = await this.process(process_id);
      await this.post(`/processes/${process_id}/stdin`, { text });
      const query = `after_seq=${next_seq - 1}&wait_ms=20000`;
      await this.get(`/processes/${process_id}/wake?${query}`);
    }
  }

  /** Ends a `cat` and waits until its log is closed. */
  async finish(process_id: string): Promise<Process> {
    await this.post(`/processes/${process_id}/stdin`, { eof: true });
    return this.closed(process_id);
  }

  async process(process_id: string): Promise<Process> {
    return (await this.get(`/processes/${process_id}`)).body as Process;
  }

  closed(process_id: string): Promise<Process> {
    return eventually(
      () => this.process(process_id),
      ({ state }) => state === 'closed',
    );
  }

  /** All output of one stream of a process that ends by itself. */
  async outputOf(params: object, stream = 'stdout'): Promise<string> {
    const { process_id } = await this.start(params);
    await this.closed(process_id);
    const path = `/processes/${process_id}/output?format=text&stream=${stream}`;
    return String((await this.get(path)).body);
  }

  /** The value of one metric of the service. */
  async metric(name: string): Promise<number> {
    const { body } = await this.get('/metrics');
    const [, value] = new RegExp(`^${name} (\\S+)$`, 'm').exec(String(body)) ?? [];
    return Number(value);
  }
}

/** Starts a process that ends, once it is asked to, no sooner than the result is called. */
export async function startReluctant(client: Client, process_id: string): Promise<() => void> {
  const go = path.join(mkdtempSync(path.join(tmpdir(), 'procession-go-')), 'go');
  const wait = `while [ ! -e ${go} ]; do sleep 0.01; done`;
  const script = `exec 2>/dev/null; trap "trap '' TERM; ${wait}; exit" TERM; echo ready; while :; do sleep 0.01; done`;
  await client.start({ process_id, argv: ['sh', '-c', script] });
  await client.get(`/processes/${process_id}/wake?wait_ms=20000`);
  onTestFinished(() => {
    rmSync(path.dirname(go), { recursive: true });
  });
  return () => {
    writeFileSync(go, '');
  };
}
