import type {
  ExecProcess,
  SubscribeParams,
  Subscription,
  Wake,
  WakeSubscription,
} from '../exec-backend.ts';
import type {
  OutputPage,
  ProcessSnapshot,
  ReadParams,
  SignalParams,
  TerminalSize,
  TerminateParams,
  TerminateResult,
  WriteParams,
  WriteResult,
} from '../exec-types.ts';
import { abortLater } from './abort.ts';
import type { Call, Http } from './http.ts';
import type { OpenedEvents } from './open-events.ts';
import { openEvents } from './open-events.ts';
import { processPath, queryOf } from './paths.ts';
import type { RecoveryLimits } from './recovery.ts';
import { Recovery, recovering } from './recovery.ts';
import { RemoteEventStream } from './remote-event-stream.ts';
import type { WakePoll } from './remote-wake-stream.ts';
import { RemoteWakeStream } from './remote-wake-stream.ts';
import { readHead, readPage, readSnapshot, readTermination } from './replies.ts';
import { upload } from './upload.ts';

/** What the handles of one client share. */
export interface RemoteContext {
  readonly http: Http;
  readonly limits: RecoveryLimits;
}

/** A process on a server. Holds no connection; each call is a request. */
export class RemoteProcess implements ExecProcess {
  readonly process_id: string;
  readonly #context: RemoteContext;

  constructor(processId: string, context: RemoteContext) {
    this.process_id = processId;
    this.#context = context;
  }

  async snapshot(): Promise<ProcessSnapshot> {
    const { http, limits } = this.#context;
    const path = processPath(this.process_id);
    const { value } = await recovering(new Recovery(limits), () => http.json({ path }));
    return readSnapshot(value);
  }

  async read(params: ReadParams, signal?: AbortSignal): Promise<OutputPage> {
    const deadline = performance.now() + (params.wait_ms ?? 0);
    const ask = (): Promise<OutputPage> => {
      const wait_ms = Math.max(0, Math.ceil(deadline - performance.now()));
      return this.#page(params.wait_ms === undefined ? params : { ...params, wait_ms }, signal);
    };
    try {
      return await recovering(new Recovery(this.#context.limits), ask, signal);
    } catch (error) {
      if (signal?.aborted !== true) throw error;
      return this.#page({ ...params, wait_ms: 0 });
    }
  }

  write(params: WriteParams): Promise<WriteResult> {
    return upload({ ...this.#context, processId: this.process_id }, params);
  }

  async signal(params: SignalParams): Promise<ProcessSnapshot> {
    return readSnapshot(await this.#post('signal', params));
  }

  async resize(size: TerminalSize): Promise<ProcessSnapshot> {
    return readSnapshot(await this.#post('resize', size));
  }

  /** An abort gives up the wait and not the end: the request still gets a moment to be sent. */
  async terminate(params: TerminateParams, signal?: AbortSignal): Promise<TerminateResult> {
    const body = signal?.aborted === true ? { ...params, wait_ms: 0 } : params;
    const giveUp = abortLater(signal, sendingMs);
    try {
      const wait = { waitMs: body.wait_ms ?? 0, signal: giveUp.signal };
      return readTermination(await this.#post('terminate', body, wait));
    } catch (error) {
      if (!giveUp.signal.aborted) throw error;
      const snapshot = await this.snapshot();
      return { running: snapshot.exited_at === null, survivors: [], ...snapshot };
    } finally {
      giveUp.release();
    }
  }

  async subscribeEvents({ after_seq, from }: SubscribeParams): Promise<Subscription> {
    const { http, limits } = this.#context;
    const closing = new AbortController();
    const open = (cursor: number | null): Promise<OpenedEvents> =>
      openEvents(http, { processId: this.process_id, from, cursor, signal: closing.signal });
    const opened = await recovering(new Recovery(limits), () => open(after_seq));
    if (opened.kind === 'ended') return opened;
    if (opened.kind === 'lagged') return { kind: 'lagged', after_seq: after_seq ?? 0 };
    const options = { connection: opened.connection, after_seq, open, closing, limits };
    return { kind: 'stream', stream: new RemoteEventStream(options) };
  }

  async subscribeWake({
    after_seq,
  }: {
    readonly after_seq: number | null;
  }): Promise<WakeSubscription> {
    const { limits } = this.#context;
    const now = { after_seq, waitMs: 0, signal: limits.closed };
    const wake = await recovering(new Recovery(limits), () => this.#wake(now));
    const isOver = wake.closed || wake.failed;
    if (isOver && after_seq !== null && after_seq >= wake.seq) return { kind: 'ended' };
    const poll = (request: WakePoll): Promise<Wake> => this.#wake(request);
    return { kind: 'stream', stream: new RemoteWakeStream({ after_seq, poll, limits }) };
  }

  async #page(params: ReadParams, signal?: AbortSignal): Promise<OutputPage> {
    const { value } = await this.#context.http.json({
      path: processPath(this.process_id, 'output'),
      query: queryOf({ ...params, encoding: 'base64', format: 'json' }),
      waitMs: params.wait_ms ?? 0,
      signal,
    });
    const page = readPage(value);
    return {
      ...page,
      chunks: page.chunks.map(({ seq, stream, encoding, chunk }) => ({
        seq,
        stream,
        chunk: Buffer.from(chunk, encoding),
      })),
    };
  }

  async #wake({ after_seq, waitMs, signal }: WakePoll): Promise<Wake> {
    const cursor = after_seq === null ? {} : { after_seq, wait_ms: waitMs };
    const { value } = await this.#context.http.json({
      path: processPath(this.process_id, 'wake'),
      query: queryOf({ ...cursor, format: 'json' }),
      waitMs,
      signal,
    });
    const { next_seq, closed, failed } = readHead(value);
    return { seq: failed ? next_seq : next_seq - 1, next_seq, closed, failed };
  }

  async #post(route: string, params: object, rest: Partial<Call> = {}): Promise<unknown> {
    const { value } = await this.#context.http.json({
      method: 'POST',
      path: processPath(this.process_id, route),
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(params),
      ...rest,
    });
    return value;
  }
}

/** How long the request of an abandoned termination may still take to arrive. */
const sendingMs = 500;
