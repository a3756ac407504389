import type {
  Engine,
  Leftovers,
  ListPage,
  ListQuery,
  LogHead,
  LogPage,
  Lookup,
  ProcessRecord,
  ReadQuery,
  ProcessKey,
  StoredProcess,
} from '../../../src/engine/engine.ts';
import { emptyHead } from '../../../src/engine/engine.ts';
import type { AppendedEvent, LogEvent } from '../../../src/log/event.ts';
import { payloadBytes, seqOf } from '../../../src/log/event.ts';
import type { Lifecycle } from '../../../src/log/lifecycle.ts';
import { endedAt, running } from '../../../src/log/lifecycle.ts';
import { ReplayWindow } from '../../../src/log/replay-window.ts';

/** What an engine is asked to do. */
export type Operation = Exclude<keyof Engine, 'close'>;

export interface MemoryEngineOptions {
  readonly retainedBytesMax?: number;
  readonly replay?: { readonly eventsMax: number; readonly bytesMax: number };
}

interface Log {
  record: ProcessRecord;
  readonly window: ReplayWindow;
  readonly events: AppendedEvent[];
  lifecycle: Lifecycle;
  head: LogHead;
}

/**
 * An engine in memory that a test can hold up, refuse and watch. Whole events are evicted,
 * oldest first; the newest stays.
 */
export class MemoryEngine implements Engine {
  /** How often each operation was begun. */
  readonly counts = new Map<Operation, number>();
  /** Awaited before an operation takes effect; a rejection refuses it. */
  before: (operation: Operation) => unknown = () => undefined;
  /** Awaited after an operation took effect and before its caller learns of it. */
  after: (operation: Operation) => unknown = () => undefined;
  isClosed = false;
  /** The clock that retention goes by. */
  now: () => number = Date.now;
  /** What an earlier service has left. */
  left: Leftovers = { orphaned: [], starts: [] };
  readonly settled: string[] = [];
  readonly #options: Required<MemoryEngineOptions>;
  readonly #logs = new Map<string, Log>();
  readonly #removed = new Set<string>();

  constructor({
    retainedBytesMax = 1024 * 1024,
    replay = { eventsMax: 4096, bytesMax: 1024 * 1024 },
  }: MemoryEngineOptions = {}) {
    this.#options = { retainedBytesMax, replay };
  }

  /** How often an operation was begun. */
  count(operation: Operation): number {
    return this.counts.get(operation) ?? 0;
  }

  /** What is stored of a log, null once it was dropped. */
  stored({ incarnation }: ProcessRecord): StoredProcess | null {
    return this.#logs.get(incarnation) ?? null;
  }

  reserve(): Promise<void> {
    return this.#run('reserve', () => undefined);
  }

  release(): Promise<void> {
    return this.#run('release', () => undefined);
  }

  create(record: ProcessRecord): Promise<void> {
    return this.#run('create', () => {
      if (this.#find(record.process_id) !== undefined) throw new Error('recorded already');
      this.#logs.set(record.incarnation, {
        record,
        window: new ReplayWindow(this.#options.replay),
        events: [],
        lifecycle: running,
        head: emptyHead,
      });
    });
  }

  resize(record: ProcessRecord, size: NonNullable<ProcessRecord['size']>): Promise<void> {
    return this.#run('resize', () => {
      const log = this.#log(record);
      log.record = { ...log.record, size };
    });
  }

  find(processId: string): Promise<Lookup> {
    return this.#run('find', () => {
      const log = this.#find(processId);
      if (this.#removed.has(processId)) return 'expired';
      return log === undefined ? 'unknown' : storedOf(log);
    });
  }

  list({ state, labels, limit, cursor }: ListQuery): Promise<ListPage> {
    return this.#run('list', () => {
      const wanted = this.#kept()
        .filter(({ lifecycle }) => state === undefined || lifecycle.state === state)
        .filter(({ record }) => labels.every(([name, value]) => record.labels[name] === value))
        .toReversed();
      const from = Number(cursor ?? 0);
      return {
        processes: wanted.slice(from, from + limit).map(storedOf),
        next_cursor: wanted.length > from + limit ? String(from + limit) : null,
      };
    });
  }

  append(
    record: ProcessRecord,
    events: readonly AppendedEvent[],
    lifecycle: Lifecycle,
  ): Promise<LogHead> {
    return this.#run('append', () => {
      const log = this.#log(record);
      for (const event of events) this.#add(log, event);
      log.lifecycle = lifecycle;
      return log.head;
    });
  }

  read(record: ProcessRecord, { after_seq, max_bytes }: ReadQuery): Promise<LogPage> {
    return this.#run('read', () => {
      const { head, events } = this.#log(record);
      const first = Math.max(after_seq + 1, head.first_retained_seq);
      const hole = events.slice(after_seq, first - 1);
      const page: LogEvent[] = [];
      let bytes = 0;
      const gap = { type: 'gap', from_seq: after_seq + 1, to_seq: first - 1 } as const;
      let missing = hole.length === 0 ? null : { ...gap, bytes: bytesOf(hole) };
      for (const event of events.slice(first - 1)) {
        bytes += payloadBytes(event);
        if (page.length > 0 && (bytes > max_bytes || event.type === 'gap')) break;
        if (event.type === 'gap')
          missing = { ...event, from_seq: missing?.from_seq ?? event.from_seq };
        else page.push(event);
      }
      return { gap: missing, events: page };
    });
  }

  remove(processId: string): Promise<void> {
    return this.#run('remove', () => {
      this.#removed.add(processId);
    });
  }

  dropLog(record: ProcessRecord): Promise<void> {
    return this.#run('dropLog', () => {
      this.#logs.delete(record.incarnation);
    });
  }

  findExpired(): Promise<readonly StoredProcess[]> {
    return this.#run('findExpired', () =>
      this.#kept()
        .filter(({ record, lifecycle }) => {
          const ended = endedAt(lifecycle);
          return ended !== null && ended + record.retention_ms <= this.now();
        })
        .map(storedOf),
    );
  }

  leftovers(): Promise<Leftovers> {
    return this.#run('leftovers', () => this.left);
  }

  settle({ process_id }: ProcessKey): Promise<void> {
    return this.#run('settle', () => {
      this.settled.push(process_id);
    });
  }

  probe(): Promise<void> {
    return this.#run('probe', () => undefined);
  }

  onEvicted(): void {
    // It evicts when it is appended to only.
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  async #run<Result>(operation: Operation, effect: () => Result): Promise<Result> {
    this.counts.set(operation, this.count(operation) + 1);
    await this.before(operation);
    const result = effect();
    await this.after(operation);
    return result;
  }

  #kept(): Log[] {
    return [...this.#logs.values()].filter(({ record }) => !this.#removed.has(record.process_id));
  }

  #find(processId: string): Log | undefined {
    return [...this.#logs.values()].find(({ record }) => record.process_id === processId);
  }

  #log({ incarnation }: ProcessRecord): Log {
    const log = this.#logs.get(incarnation);
    if (log === undefined) throw new Error('there is no such log');
    return log;
  }

  #add(log: Log, event: AppendedEvent): void {
    const { last_seq, first_retained_seq, retained_bytes, evicted_bytes } = log.head;
    const seq = seqOf(event);
    if (seq !== last_seq + 1) throw new Error(`${seq} follows ${last_seq}`);
    log.events.push(kept(event));
    log.window.push(payloadBytes(event));
    let first = first_retained_seq;
    let freed = 0;
    const total = retained_bytes + payloadBytes(event);
    while (first < seq && total - freed > this.#options.retainedBytesMax) {
      freed += bytesOf(log.events.slice(first - 1, first));
      first += 1;
    }
    log.head = {
      last_seq: seq,
      first_retained_seq: first,
      first_replay_seq: Math.max(first, log.window.firstSeq),
      retained_bytes: total - freed,
      evicted_bytes: evicted_bytes + freed,
    };
  }
}

/** The bytes of an append are its caller's again afterwards. */
function kept(event: AppendedEvent): AppendedEvent {
  return event.type === 'output' ? { ...event, chunk: Buffer.from(event.chunk) } : event;
}

function storedOf({ record, lifecycle, head }: Log): StoredProcess {
  return { record, lifecycle, head };
}

/** Bytes of output of all these events. */
export function bytesOf(events: readonly AppendedEvent[]): number {
  return events.reduce((sum, event) => sum + payloadBytes(event), 0);
}
