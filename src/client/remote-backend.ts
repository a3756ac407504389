import { randomUUID } from 'node:crypto';
import type { ExecBackend, StartResult } from '../exec-backend.ts';
import type { ListParams, ProcessPage, StartParams } from '../exec-types.ts';
import type { JsonAnswer } from './http.ts';
import { Http } from './http.ts';
import { processPath, processesPath, queryOf } from './paths.ts';
import type { RecoveryLimits } from './recovery.ts';
import { Recovery, recovering } from './recovery.ts';
import { RemoteProcess } from './remote-process.ts';
import { readProcessPage, readSnapshot } from './replies.ts';

/** How patient a client is. */
export interface ConnectOptions {
  /** How long the server may be gone before calls reject and streams fail; default 25 s. */
  readonly recoverMs?: number;
  /** Longest pause between two attempts, also when the server asks for more; default 5 s. */
  readonly reconnectMsMax?: number;
  /**
   * A connection without a byte, heartbeats included, for so long is taken for cut; default
   * 45 s, three heartbeats of a server with its default setting. Exact to about a second.
   */
  readonly stallMs?: number;
}

/** The processes of a server. */
export interface RemoteBackend extends ExecBackend {
  /** Ends every call and stream under way, and all connections. Processes run on. */
  close(): Promise<void>;
}

/**
 * A client of the server at `baseUrl`. Sends nothing before the first call. What can be
 * repeated is repeated while the server is gone: reads, starts (under one `process_id`) and
 * writes of bytes (under one `write_id`); signals, terminations and removals are sent once.
 * What cannot be reached rejects with `store_unavailable`.
 */
export function connect(baseUrl: string | URL, options: ConnectOptions = {}): RemoteBackend {
  const { recoverMs = 25_000, reconnectMsMax = 5000, stallMs = 45_000 } = options;
  const http = new Http(baseUrl, stallMs);
  return new HttpBackend(http, { recoverMs, reconnectMsMax, closed: http.closed });
}

class HttpBackend implements RemoteBackend {
  readonly #http: Http;
  readonly #limits: RecoveryLimits;

  constructor(http: Http, limits: RecoveryLimits) {
    this.#http = http;
    this.#limits = limits;
  }

  async start(params: StartParams): Promise<StartResult> {
    const process_id = params.process_id ?? randomUUID();
    const body = JSON.stringify({ ...params, process_id });
    const { headers, value } = await this.#recovering(() =>
      this.#http.json({
        method: 'POST',
        path: processesPath,
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body,
      }),
    );
    const process = this.#process(readSnapshot(value).process_id);
    // Under an id that nobody else knows only this call can have been repeated.
    const replayed = params.process_id !== undefined && headers['idempotent-replayed'] === 'true';
    return { process, replayed };
  }

  async get(processId: string): Promise<RemoteProcess> {
    const { value } = await this.#recovering(() =>
      this.#http.json({ path: processPath(processId) }),
    );
    return this.#process(readSnapshot(value).process_id);
  }

  async list({ labels = [], ...rest }: ListParams): Promise<ProcessPage> {
    const matching = labels.map(([name, value]) => ['label', `${name}=${value}`] as const);
    const query = [...queryOf(rest), ...matching];
    const { value } = await this.#recovering(() => this.#http.json({ path: processesPath, query }));
    return readProcessPage(value);
  }

  async remove(processId: string, { force = false } = {}): Promise<void> {
    const query = queryOf({ force: force || undefined });
    await this.#http.json({ method: 'DELETE', path: processPath(processId), query });
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  #recovering(attempt: () => Promise<JsonAnswer>): Promise<JsonAnswer> {
    return recovering(new Recovery(this.#limits), attempt);
  }

  #process(processId: string): RemoteProcess {
    return new RemoteProcess(processId, { http: this.#http, limits: this.#limits });
  }
}
