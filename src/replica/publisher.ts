import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine, LogHead, ProcessRecord } from '../engine/engine.ts';
import type { AppendedEvent, ExitStatus, StreamName } from '../log/event.ts';
import type { Lifecycle } from '../log/lifecycle.ts';
import { advance, exitOf } from '../log/lifecycle.ts';
import { freeChunks } from '../log/memory.ts';
import { LogWriter } from '../log/writer.ts';
import type { Hub } from './hub.ts';

/** What a publisher writes to, and who is told of it. */
export interface PublisherOptions {
  readonly engine: Pick<Engine, 'append'>;
  readonly record: ProcessRecord;
  readonly hub: Hub;
  readonly now: () => number;
  /** Whether output is dropped, and named as a gap, once too much waits for the engine. */
  readonly dropsOutput: boolean;
  /** Called after each commit with the events and the head that followed them. */
  readonly onCommit: (events: readonly AppendedEvent[], head: LogHead) => void;
  /** Called each time the engine refused an append, which is then repeated. */
  readonly onRefused: (error: unknown) => void;
  /** Called when it takes one that it had refused. */
  readonly onAccepted: () => void;
}

/** Pending bytes at which a flush does not wait for its window. */
const flushBytes = 64 * 1024;
/** Pending bytes at which the sources must wait. */
const pendingBytesMax = 1024 * 1024;
/** A busy log gathers small writes for at least this long after a flush. */
const windowMsMin = 3;
/** And for at most this long, however slow its readers are. */
const windowMsMax = 50;
/** How long an unfinished character may be held back. */
const heldMsMax = 50;
/** Pause before a refused append is repeated. */
const retryMs = 200;

/**
 * The way of one process's events into the engine and then to its readers: commit before
 * deliver, one append at a time, in order. An idle log publishes at once; a busy one gathers
 * writes for a window that grows with the time its readers take.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #writer = new LogWriter();
  #isFlushing = false;
  #isRefused = false;
  #windowEnd = 0;
  #flushTimer: NodeJS.Timeout | undefined;
  readonly #watched = new Map<StreamName, { bytes: Buffer; timer: NodeJS.Timeout }>();
  #room: PromiseWithResolvers<undefined> | null = null;
  readonly #sealed = Promise.withResolvers<undefined>();

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Resolves when `closed` is committed. */
  get sealed(): Promise<void> {
    return this.#sealed.promise;
  }

  /** Adds bytes of one stream. A promise says that the source must wait for it. */
  output(stream: StreamName, chunk: Buffer): Promise<void> | null {
    if (this.#isRefused && this.#options.dropsOutput) return this.#keepOrDrop(stream, chunk);
    this.#writer.push(stream, chunk);
    this.#schedule();
    if (this.#writer.pendingBytes <= pendingBytesMax) return null;
    this.#room ??= Promise.withResolvers<undefined>();
    return this.#room.promise;
  }

  /** The stream has ended. */
  end(stream: StreamName): void {
    this.#writer.end(stream);
    this.#schedule();
  }

  /** The process was reaped. */
  exited(status: ExitStatus): void {
    this.#writer.exited(status);
    this.#flushNow();
  }

  /** The process was reaped and nothing more will come: both in one append. */
  ended(status: ExitStatus): void {
    this.#writer.exited(status);
    this.#writer.closed(status, false);
    this.#flushNow();
  }

  /** Nothing more will come. */
  closed(status: ExitStatus, output_incomplete: boolean): void {
    this.#writer.closed(status, output_incomplete);
    this.#flushNow();
  }

  #keepOrDrop(stream: StreamName, chunk: Buffer): null {
    const isFull = this.#writer.pendingBytes + chunk.length > pendingBytesMax;
    if (isFull) this.#writer.lose(stream, chunk.length);
    else this.#writer.push(stream, chunk);
    return null;
  }

  #schedule(): void {
    if (this.#isFlushing || !this.#writer.hasPending) return;
    const waitMs = this.#windowEnd - performance.now();
    if (waitMs <= 0 || this.#writer.pendingBytes >= flushBytes) this.#flushNow();
    else this.#flushTimer ??= setTimeout(this.#flushNow, waitMs);
  }

  readonly #flushNow = (): void => {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    if (!this.#isFlushing) void this.#flush();
  };

  async #flush(): Promise<void> {
    this.#isFlushing = true;
    const startedAt = performance.now();
    const events = this.#writer.take();
    if (events.length > 0) await this.#commit(events);
    this.#letSourcesGoOn();
    this.#watchHeld();
    setImmediate(() => {
      this.#openWindow(startedAt);
    });
  }

  /** Runs after the readers had their turn, so that the window follows what they cost. */
  #openWindow(startedAt: number): void {
    const endedAt = performance.now();
    const windowMs = Math.min(windowMsMax, Math.max(windowMsMin, 1.5 * (endedAt - startedAt)));
    this.#windowEnd = endedAt + windowMs;
    this.#isFlushing = false;
    if (exitOf(this.#options.hub.lifecycle) === null) this.#schedule();
    else if (this.#writer.hasPending) this.#flushNow();
  }

  async #commit(events: readonly AppendedEvent[]): Promise<void> {
    const { hub, now, onCommit } = this.#options;
    const at = now();
    const lifecycle = events.reduce((from, event) => afterEvent(from, event, at), hub.lifecycle);
    const head = await this.#append(events, lifecycle);
    const isKept = hub.publish(events, head, lifecycle);
    onCommit(events, head);
    if (!isKept) freeChunks(events);
    if (lifecycle.state === 'closed') this.#sealed.resolve(undefined);
  }

  async #append(events: readonly AppendedEvent[], lifecycle: Lifecycle): Promise<LogHead> {
    const { engine, record, onRefused, onAccepted } = this.#options;
    for (;;) {
      try {
        const head = await engine.append(record, events, lifecycle);
        if (this.#isRefused) onAccepted();
        this.#isRefused = false;
        return head;
      } catch (error) {
        this.#isRefused = true;
        if (this.#options.dropsOutput) this.#letSourcesGoOn();
        onRefused(error);
        await sleep(retryMs);
      }
    }
  }

  #letSourcesGoOn(): void {
    this.#room?.resolve(undefined);
    this.#room = null;
  }

  /** Each character that is held back has its own time, whatever the other streams do. */
  #watchHeld(): void {
    const { held } = this.#writer;
    for (const [stream, bytes] of held) {
      const watched = this.#watched.get(stream);
      if (watched?.bytes === bytes) continue;
      clearTimeout(watched?.timer);
      const timer = setTimeout(() => {
        if (held.get(stream) !== bytes) return;
        this.#writer.release(stream);
        this.#flushNow();
      }, heldMsMax);
      this.#watched.set(stream, { bytes, timer });
    }
  }
}

function afterEvent(from: Lifecycle, event: AppendedEvent, at: number): Lifecycle {
  if (event.type === 'output' || event.type === 'gap') return from;
  const { seq, exit_code, signal, exit_reason } = event;
  if (event.type === 'exited') {
    return advance(from, { type: 'exited', seq, at, exit: { exit_code, signal, exit_reason } });
  }
  return advance(from, { type: 'closed', seq, at, output_incomplete: event.output_incomplete });
}
