import { setTimeout as sleep } from 'node:timers/promises';
import { textOf } from '../client.ts';
import { treeOf, usageOf } from '../proc.ts';
import type { Usage } from '../proc.ts';

/** A service that is watched from outside. */
export interface Watched {
  readonly url: string;
  readonly pid: number;
  readonly dataDir: string;
}

/** What a service holds at one moment. */
export interface Sample extends Usage {
  /** When it was taken, since the program began. */
  readonly atMs: number;
  /** Processes that were started so far. */
  readonly started: number;
  /** Timers that keep its process alive. */
  readonly timers: number;
  /** Open event streams. */
  readonly readers: number;
  /** Processes that run, and those that are listed. */
  readonly running: number;
  readonly listed: number;
  /** What of its memory JavaScript knows: objects in use or not collected yet, and buffers. */
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly files: number;
  readonly diskBytes: number;
}

/** Looks at everything once. */
export async function takeSample({ url, pid, dataDir }: Watched): Promise<Sample> {
  // Before the questions, whose connections are descriptors too.
  const usage = usageOf(pid);
  const { files, bytes } = treeOf(dataDir);
  const metrics = await textOf(`${url}/metrics`);
  const list = await textOf(`${url}/processes?limit=1000`);
  return {
    ...usage,
    files,
    atMs: performance.now(),
    diskBytes: bytes,
    started: valueOf(metrics, 'procession_starts_total'),
    timers: valueOf(metrics, 'nodejs_active_resources\\{type="Timeout"\\}'),
    heapBytes: valueOf(metrics, 'nodejs_heap_size_used_bytes'),
    externalBytes: valueOf(metrics, 'nodejs_external_memory_bytes'),
    readers: valueOf(metrics, 'procession_readers'),
    running: valueOf(metrics, 'procession_running'),
    listed: list.split('"process_id":').length - 1,
  };
}

/** Samples until one is wanted or the deadline has passed; the last one. */
export async function settle(
  watched: Watched,
  isWanted: (now: Sample, before: Sample | null) => boolean,
): Promise<Sample> {
  const deadline = performance.now() + settleMsMax;
  for (let before: Sample | null = null; ;) {
    const now = await takeSample(watched);
    if (isWanted(now, before) || performance.now() > deadline) return now;
    before = now;
    await sleep(200);
  }
}

const settleMsMax = 30_000;

function valueOf(metrics: string, pattern: string): number {
  return Number(new RegExp(`^${pattern} (\\S+)$`, 'm').exec(metrics)?.[1] ?? 0);
}
