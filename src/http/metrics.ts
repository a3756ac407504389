import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** Numbers that are asked for when the metrics are. */
export interface MetricSources {
  readonly running: () => number;
  readonly isDegraded: () => boolean;
}

/** The metrics of one service; its methods are told what happens. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #starts = this.#counter('starts_total', 'Processes started');
  readonly #startFailures = this.#counter('start_failures_total', 'Starts refused', ['code']);
  readonly #exits = this.#counter('exits_total', 'Processes that have exited', ['reason']);
  readonly #outputBytes = this.#counter('output_bytes_total', 'Bytes of output committed');
  readonly #outputEvents = this.#counter('log_events_total', 'Events committed');
  readonly #evictedBytes = this.#counter('evicted_bytes_total', 'Bytes of output evicted');
  readonly #lagged = this.#counter('lagged_total', 'Readers that fell behind the replay');
  readonly #readers = new Gauge({
    name: 'procession_readers',
    help: 'Open event streams',
    registers: [this.#registry],
  });
  readonly #spawn = new Histogram({
    name: 'procession_spawn_seconds',
    help: 'From the start request to the running process',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
    registers: [this.#registry],
  });

  /** Counts the loop delay, memory and descriptors of this service too. */
  constructor() {
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Adds what is read at the time of the question. */
  observe({ running, isDegraded }: MetricSources): void {
    this.#gauge('running', 'Processes that run', running);
    this.#gauge('store_degraded', '1 while the store takes nothing new', () =>
      Number(isDegraded()),
    );
  }

  /** The Prometheus text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  started(spawnMs: number): void {
    this.#starts.inc();
    this.#spawn.observe(spawnMs / 1000);
  }

  startFailed(code: string): void {
    this.#startFailures.inc({ code });
  }

  exited(reason: string): void {
    this.#exits.inc({ reason });
  }

  output(bytes: number, events: number): void {
    this.#outputBytes.inc(bytes);
    this.#outputEvents.inc(events);
  }

  evicted(bytes: number): void {
    this.#evictedBytes.inc(bytes);
  }

  followed(): void {
    this.#readers.inc();
  }

  unfollowed(reason: 'lagged' | 'ended'): void {
    this.#readers.dec();
    if (reason === 'lagged') this.#lagged.inc();
  }

  #gauge(name: string, help: string, value: () => number): void {
    this.#registry.registerMetric(
      new Gauge({
        name: `procession_${name}`,
        help,
        registers: [],
        collect() {
          this.set(value());
        },
      }),
    );
  }

  #counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    const registers = [this.#registry];
    return new Counter({ name: `procession_${name}`, help, labelNames, registers });
  }
}
