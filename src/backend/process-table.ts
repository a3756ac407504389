import type {
  Engine,
  LogHead,
  ProcessRecord,
  EvictionListener,
  StoredProcess,
} from '../engine/engine.ts';
import { emptyHead } from '../engine/engine.ts';
import type { StartParams } from '../exec-types.ts';
import type { AppendedEvent } from '../log/event.ts';
import { payloadBytes } from '../log/event.ts';
import { running } from '../log/lifecycle.ts';
import type { Child } from '../process/spawner.ts';
import type { StdinLimits } from '../process/stdin.ts';
import { Hub } from '../replica/hub.ts';
import { Publisher } from '../replica/publisher.ts';
import type { BackendLog } from './backend-log.ts';
import { LiveChild } from './live-child.ts';
import { LocalProcess } from './local-process.ts';
import type { Observer } from './observer.ts';
import type { OpenStreams } from './open-streams.ts';
import type { StoreHealth } from './store-health.ts';

/**
 * What becomes of a process whose output the store does not take: it waits, what is too much of it is
 * dropped and named as a gap, or the process is terminated and its last output waits.
 */
export type StoreErrorPolicy = 'pause' | 'drop' | 'terminate';

/** What the processes of a table share. */
export interface ProcessTableOptions {
  readonly engine: Engine;
  readonly observer: Observer;
  readonly log: BackendLog;
  readonly now: () => number;
  readonly stdinLimits: StdinLimits;
  /** Bytes of recent output kept in memory for each followed process. */
  readonly readerQueueBytesMax: number;
  readonly streams: OpenStreams;
  readonly draining: AbortSignal;
  readonly storeHealth: StoreHealth;
  readonly onStoreError: StoreErrorPolicy;
}

/** How many closed processes are kept for the repeats of writes to them. */
const finishedMax = 100;

/** Most bytes of one read from the engine on behalf of a stream. */
const pageBytesMax = 256 * 1024;

/**
 * The processes of this host whose logs are still written. One that is over lives in the
 * engine alone, and gets a handle when it is asked for.
 */
export class ProcessTable {
  readonly #options: ProcessTableOptions;
  readonly #live = new Map<string, LocalProcess>();
  readonly #finished = new Map<string, LocalProcess>();

  constructor(options: ProcessTableOptions) {
    this.#options = options;
  }

  /** Part of the log of a process was evicted to make room for others. */
  readonly evicted: EvictionListener = ({ process_id }, head, bytes) => {
    // What a log that goes on has lost is counted with its next append.
    if (!this.#live.has(process_id)) this.#options.observer.evicted(bytes);
    this.find(process_id)?.hub.evicted(head);
  };

  /** The processes whose logs are still written. */
  get live(): readonly LocalProcess[] {
    return [...this.#live.values()];
  }

  /** How many of them have not exited. */
  get runningCount(): number {
    return this.live.filter(({ live }) => live?.isReaped === false).length;
  }

  /** A process by its id, if this host still has more of it than the engine. */
  find(processId: string): LocalProcess | undefined {
    return this.#live.get(processId) ?? this.#finished.get(processId);
  }

  /** Drops a process that was removed. */
  forget(processId: string): void {
    this.#finished.delete(processId);
  }

  /** A handle for what the engine found: the live process, or one that is over. */
  handle(stored: StoredProcess): LocalProcess {
    return this.find(stored.record.process_id) ?? this.#process(stored, null);
  }

  /** Takes a child that was recorded just now; keeps it until its log is closed. */
  adopt(child: Child, record: ProcessRecord, params: StartParams): LocalProcess {
    const { engine, now, stdinLimits, log, storeHealth, onStoreError } = this.#options;
    const { process_id } = record;
    const hub = this.#hub({ record, lifecycle: running, head: emptyHead });
    const publisher = new Publisher({
      engine,
      record,
      hub,
      now,
      dropsOutput: onStoreError === 'drop',
      onCommit: this.#onCommit(process_id),
      onRefused: (error) => {
        const isNew = storeHealth.refusedAppend(process_id, error);
        if (!isNew || onStoreError !== 'terminate') return;
        void live.end('terminated', { signal: 'SIGTERM', graceMs: record.grace_ms });
      },
      onAccepted: () => {
        storeHealth.acceptedAppend(process_id);
      },
    });
    const live = new LiveChild({
      child,
      record,
      publisher,
      timeoutMs: params.timeout_ms ?? null,
      drainMs: params.drain_ms ?? null,
      stdinLimits,
    });
    const process = this.#processOn(hub, record, live);
    this.#live.set(process_id, process);
    log.info({ process_id, pid: record.pid }, 'process started');
    void live.closed.then(() => {
      this.#finish(process);
    });
    return process;
  }

  /** Keeps the newest that could be written to, so that a repeated write is known. */
  #finish(process: LocalProcess): void {
    const { process_id, record } = process;
    this.#live.delete(process_id);
    if (!record.pipe_stdin && !record.tty) return;
    this.#finished.set(process_id, process);
    const [oldest] = this.#finished.keys();
    if (this.#finished.size > finishedMax && oldest !== undefined) this.forget(oldest);
  }

  #process(stored: StoredProcess, live: LiveChild | null): LocalProcess {
    return this.#processOn(this.#hub(stored), stored.record, live);
  }

  #processOn(hub: Hub, record: ProcessRecord, live: LiveChild | null): LocalProcess {
    const { engine, streams, readerQueueBytesMax, log } = this.#options;
    return new LocalProcess({
      record,
      hub,
      live,
      pageBytesMax: Math.min(pageBytesMax, readerQueueBytesMax),
      onResize: async (resized, size) => {
        try {
          await engine.resize(resized, size);
        } catch (err) {
          const { process_id } = resized;
          log.error({ process_id, err }, 'the size of a terminal was not recorded');
        }
      },
      onFollow: (followed) => streams.open(followed),
    });
  }

  #hub({ record, lifecycle, head }: StoredProcess): Hub {
    const { engine, readerQueueBytesMax, draining } = this.#options;
    return new Hub({
      head,
      lifecycle,
      read: (query) => engine.read(record, query),
      ringBytesMax: readerQueueBytesMax,
      draining,
    });
  }

  #onCommit(process_id: string): (events: readonly AppendedEvent[], head: LogHead) => void {
    const { observer, log } = this.#options;
    let evictedBytes = 0;
    return (events, head) => {
      observer.output(
        events.reduce((sum, event) => sum + payloadBytes(event), 0),
        events.length,
      );
      for (const event of events) {
        if (event.type !== 'exited') continue;
        const { exit_code, signal, exit_reason } = event;
        observer.exited(exit_reason);
        log.info({ process_id, exit_code, signal, exit_reason }, 'process exited');
      }
      if (head.evicted_bytes > evictedBytes) observer.evicted(head.evicted_bytes - evictedBytes);
      evictedBytes = head.evicted_bytes;
    };
  }
}
