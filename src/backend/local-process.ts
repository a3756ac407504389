import type { LogPage, ProcessRecord } from '../engine/engine.ts';
import { ProcessionError } from '../errors.ts';
import type {
  ExecProcess,
  SubscribeParams,
  Subscription,
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
import { isOver } from '../log/lifecycle.ts';
import { Ending } from '../process/tree/ending.ts';
import { EventCursor } from '../replica/event-cursor.ts';
import type { Hub } from '../replica/hub.ts';
import { WakeCursor } from '../replica/wake-cursor.ts';
import type { LiveChild } from './live-child.ts';
import { requireSignal } from './require-signal.ts';
import { outputPageOf, snapshotOf } from './snapshot.ts';

/** A process and what this replica needs to serve it; `live` until its log is closed. */
export interface LocalProcessOptions {
  readonly record: ProcessRecord;
  readonly hub: Hub;
  readonly live: LiveChild | null;
  readonly pageBytesMax: number;
  /** Keeps a new size of the terminal. */
  readonly onResize: (record: ProcessRecord, size: TerminalSize) => Promise<void>;
  /** Called with each stream that was opened; the result is called at its end. */
  readonly onFollow: (record: ProcessRecord) => (reason: 'lagged' | 'ended') => void;
}

/** Bytes of output that a page holds when the caller does not say. */
const pageBytesDefault = 1024 * 1024;

/** A process of this host: answers from its hub and the engine, acts on its child. */
export class LocalProcess implements ExecProcess {
  readonly process_id: string;
  readonly #options: LocalProcessOptions;

  constructor(options: LocalProcessOptions) {
    this.process_id = options.record.process_id;
    this.#options = options;
  }

  get hub(): Hub {
    return this.#options.hub;
  }

  get live(): LiveChild | null {
    return this.#options.live;
  }

  get record(): ProcessRecord {
    return this.#options.record;
  }

  snapshot(): Promise<ProcessSnapshot> {
    return Promise.resolve(this.snapshotNow());
  }

  /** As `snapshot`, at once. */
  snapshotNow(): ProcessSnapshot {
    const { record, hub, live } = this.#options;
    const { head, lifecycle } = hub;
    const size = live === null ? record.size : live.size;
    return snapshotOf({ record: { ...record, size }, head, lifecycle }, live?.stdin ?? 'closed');
  }

  async read(params: ReadParams, signal?: AbortSignal): Promise<OutputPage> {
    const { after_seq = 0, max_bytes = pageBytesDefault, wait_ms = 0 } = params;
    const { hub } = this.#options;
    hub.checkCursor(after_seq);
    await this.#until(
      () => hub.head.last_seq > after_seq || isOver(hub.lifecycle),
      wait_ms,
      signal,
    );
    const page = await this.#page(after_seq, max_bytes);
    return outputPageOf(page, after_seq, hub);
  }

  async write(params: WriteParams): Promise<WriteResult> {
    const { live } = this.#options;
    if (live !== null) return live.write(params);
    throw new ProcessionError('stdin_closed', `process ${this.process_id} is over`);
  }

  signal(params: SignalParams): Promise<ProcessSnapshot> {
    const { live } = this.#options;
    return Promise.try(() => {
      requireSignal(params.signal);
      if (live === null) {
        throw new ProcessionError('process_exited', `process ${this.process_id} has exited`);
      }
      live.signal(params);
      return this.snapshotNow();
    });
  }

  async resize(size: TerminalSize): Promise<ProcessSnapshot> {
    const { live, record, onResize } = this.#options;
    if (live === null) {
      throw new ProcessionError('process_exited', `process ${this.process_id} has exited`);
    }
    live.resize(size);
    await onResize(record, size);
    return this.snapshotNow();
  }

  async terminate(params: TerminateParams, signal?: AbortSignal): Promise<TerminateResult> {
    const { record, live, hub } = this.#options;
    const { signal: polite = 'SIGTERM', grace_ms = record.grace_ms, wait_ms = 0 } = params;
    requireSignal(polite);
    const running = live !== null && !live.isReaped;
    let survivors: readonly number[] = [];
    const how = { signal: polite, graceMs: grace_ms };
    const ended = this.#end(how).then((left) => {
      survivors = left;
    });
    if (wait_ms > 0) {
      let isEnded = false;
      void ended.then(() => {
        isEnded = true;
        hub.nudge();
      });
      await this.#until(() => isEnded && isOver(hub.lifecycle), wait_ms, signal);
    }
    return { running, survivors, ...this.snapshotNow() };
  }

  subscribeEvents(params: SubscribeParams): Promise<Subscription> {
    return Promise.try(() => this.#subscribe(params));
  }

  subscribeWake({ after_seq }: { readonly after_seq: number | null }): Promise<WakeSubscription> {
    return Promise.try(() => {
      const { hub } = this.#options;
      if (after_seq !== null) hub.checkCursor(after_seq);
      if (this.#isAtEnd(after_seq)) return { kind: 'ended' };
      return { kind: 'stream', stream: new WakeCursor(hub, after_seq) };
    });
  }

  #subscribe({ after_seq, from }: SubscribeParams): Subscription {
    const { hub, record, pageBytesMax, onFollow } = this.#options;
    if (after_seq !== null) hub.checkCursor(after_seq);
    if (this.#isAtEnd(after_seq)) return { kind: 'ended' };
    const { first_replay_seq, first_retained_seq } = hub.head;
    const oldest = from === 'replay' ? first_replay_seq : first_retained_seq;
    // The close is told even when nothing is retained.
    const cursor = after_seq ?? Math.max(0, Math.min(oldest, hub.head.last_seq) - 1);
    if (from === 'replay' && cursor + 1 < first_replay_seq)
      return { kind: 'lagged', after_seq: cursor };
    const onClose = onFollow(record);
    const stream = new EventCursor({ hub, after_seq: cursor, from, pageBytesMax, onClose });
    return { kind: 'stream', stream };
  }

  #isAtEnd(after_seq: number | null): boolean {
    const { hub } = this.#options;
    return after_seq !== null && isOver(hub.lifecycle) && after_seq >= hub.endSeq;
  }

  #end(how: { signal: string; graceMs: number }): Promise<readonly number[]> {
    const { record, live } = this.#options;
    if (live !== null) return live.end('terminated', how);
    return new Ending({ incarnation: record.incarnation, remains: record }).request(how);
  }

  async #page(after_seq: number, max_bytes: number): Promise<LogPage> {
    const { hub } = this.#options;
    if (after_seq >= hub.head.last_seq) return { gap: null, events: [] };
    return hub.read({ after_seq, max_bytes });
  }

  /** Waits until `isDone`, the deadline, an abort, or the shutdown of the service. */
  async #until(isDone: () => boolean, waitMs: number, signal?: AbortSignal): Promise<void> {
    const { hub } = this.#options;
    const deadline = performance.now() + waitMs;
    const isOff = (): boolean => signal?.aborted === true || hub.isDraining;
    while (!isDone() && !isOff()) {
      const restMs = Math.ceil(deadline - performance.now());
      if (restMs <= 0) return;
      const wait = hub.wait(restMs);
      signal?.addEventListener('abort', wait.wake, { once: true });
      await wait.promise;
      signal?.removeEventListener('abort', wait.wake);
    }
  }
}
