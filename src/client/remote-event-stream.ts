import { ProcessionError } from '../errors.ts';
import type { EventStream } from '../exec-backend.ts';
import { isTerminal } from '../exec-backend.ts';
import type { ExitStatus, FailedEvent, StreamEvent } from '../log/event.ts';
import { linkAbort } from './abort.ts';
import { decodeEvent } from './decode-event.ts';
import type { OpenedEvents } from './open-events.ts';
import { Patience } from './patience.ts';
import type { RecoveryLimits } from './recovery.ts';
import { Recovery, isPassing } from './recovery.ts';
import { Sequence } from './sequence.ts';
import type { SseConnection } from './sse-connection.ts';
import type { SseFrame } from './sse-parser.ts';

/** A stream whose first connection is open, and how to get another one. */
export interface RemoteEventStreamOptions {
  readonly connection: SseConnection;
  readonly after_seq: number | null;
  /** Opens a connection after this cursor. */
  readonly open: (cursor: number | null) => Promise<OpenedEvents>;
  /** Ends the connection and whatever `open` is about; the stream aborts it when it is closed. */
  readonly closing: AbortController;
  readonly limits: RecoveryLimits;
}

/**
 * The events of a process over as many connections as it takes: each once, in order, and none
 * missing without a gap. A server that is gone for too long ends the stream with a `failed`
 * whose `failure_reason` is null; the process may live on.
 */
export class RemoteEventStream implements EventStream {
  readonly #options: RemoteEventStreamOptions;
  readonly #sequence: Sequence;
  readonly #recovery: Recovery;
  readonly #unlink: () => void;
  #connection: SseConnection | null;
  #pending: Patience<readonly StreamEvent[] | null> | null = null;
  #retryMs = 0;
  #exit: ExitStatus | null = null;
  #isOver = false;

  constructor(options: RemoteEventStreamOptions) {
    this.#options = options;
    this.#sequence = new Sequence(options.after_seq);
    this.#recovery = new Recovery(options.limits);
    this.#connection = options.connection;
    this.#unlink = linkAbort(options.limits.closed, options.closing);
  }

  /** As the port says. Rejects when the server does not know the process any more. */
  async next(waitMs: number): Promise<readonly StreamEvent[] | null> {
    const pending = (this.#pending ??= new Patience(this.#advance()));
    if (!(await pending.settles(waitMs))) return this.#isClosed ? null : [];
    this.#pending = null;
    const events = await pending.result;
    return this.#isClosed ? null : events;
  }

  close(): void {
    this.#end();
    this.#options.closing.abort();
  }

  get #isClosed(): boolean {
    return this.#options.closing.signal.aborted;
  }

  /** Works until there is an event, through any number of cuts. */
  async #advance(): Promise<readonly StreamEvent[] | null> {
    while (!this.#isOver) {
      try {
        const events = await this.#more();
        if (events.length > 0) return events;
      } catch (error) {
        if (this.#isClosed) return null;
        const failed = await this.#recover(error);
        if (failed !== null) return [failed];
      }
    }
    return null;
  }

  async #more(): Promise<readonly StreamEvent[]> {
    this.#connection ??= await this.#reconnect();
    if (this.#connection === null) {
      this.#end();
      return [{ type: 'lagged', after_seq: this.#sequence.cursor ?? 0 }];
    }
    const events = this.#wanted(await this.#connection.frames());
    if (events.length > 0) this.#recovery.restored();
    return events;
  }

  /** Null when the cursor lags by now. */
  async #reconnect(): Promise<SseConnection | null> {
    const opened = await this.#options.open(this.#sequence.cursor);
    if (opened.kind === 'stream') return opened.connection;
    if (opened.kind === 'lagged') return null;
    const detail = `the log ended at event ${this.#sequence.cursor ?? 0}, which was not its end`;
    throw new ProcessionError('internal_error', detail);
  }

  #wanted(frames: readonly SseFrame[]): readonly StreamEvent[] {
    const events: StreamEvent[] = [];
    for (const frame of frames) {
      const event = decodeEvent(frame);
      if (event === null || event.type === 'draining') continue;
      if (!this.#sequence.accept(event)) continue;
      events.push(event);
      if (event.type === 'exited') this.#exit = event;
      if (!isTerminal(event) && event.type !== 'lagged') continue;
      this.#end();
      break;
    }
    return events;
  }

  #end(): void {
    this.#isOver = true;
    this.#unlink();
    void this.#connection?.finish();
  }

  /** Waits for the time of the next attempt; the last event when there will be none. */
  async #recover(error: unknown): Promise<FailedEvent | null> {
    if (!isPassing(error)) {
      this.#end();
      throw error;
    }
    if (this.#connection?.isSteady === true) this.#recovery.restored();
    this.#retryMs = this.#connection?.retryMs ?? this.#retryMs;
    this.#connection = null;
    const goesOn = await this.#recovery.pause(this.#retryMs, this.#options.closing.signal);
    return goesOn ? null : this.#giveUp(error);
  }

  #giveUp({ message }: ProcessionError): FailedEvent {
    this.#end();
    return {
      type: 'failed',
      last_seq: this.#sequence.cursor ?? 0,
      message: `the server was gone for ${this.#options.limits.recoverMs} ms: ${message}`,
      failure_reason: null,
      exit_code: this.#exit?.exit_code ?? null,
      signal: this.#exit?.signal ?? null,
      exit_reason: this.#exit?.exit_reason ?? null,
    };
  }
}
