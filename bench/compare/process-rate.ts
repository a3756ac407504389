import { setTimeout as sleep } from 'node:timers/promises';
import { textOf, keepAlive } from '../client.ts';
import { cpuSeconds } from '../proc.ts';
import type { Case } from '../report.ts';
import { quantile } from '../report.ts';
import type { Short } from '../rounds.ts';
import { runShort } from '../rounds.ts';
import type { Server } from '../servers.ts';
import { compared, inTurn } from './rounds.ts';

const processes = 1000;

export const processRate: Case = {
  name: 'process-rate',
  title: 'short processes (`true`) until their response ends',
  async run(build) {
    await using yardstick = await build.yardstick();
    await using service = await build.service();
    const body = () => ({ argv: ['true'] });
    const raw: Short = { url: `${yardstick.url}/run`, body };
    const own: Short = { url: `${service.url}/processes`, accept: 'text/plain', body };
    await runShort(raw, 200, 8);
    await runShort(own, 200, 8);
    const results = [];
    for (const concurrency of [8, 32]) {
      const pairs = await inTurn(
        () => measure(yardstick, raw, { concurrency, probe: '/' }),
        () => measure(service, own, { concurrency, probe: '/livez' }),
      );
      results.push(...compared(`${concurrency} at a time`, pairs));
    }
    return results;
  },
};

interface How {
  readonly concurrency: number;
  readonly probe: string;
}

/** The rate, what it costs, and how long spawning keeps other requests waiting. */
async function measure({ url, pid }: Server, short: Short, { concurrency, probe }: How) {
  const cpuBefore = cpuSeconds(pid);
  const startedAt = performance.now();
  const running = new AbortController();
  const waiting = probeUntil(`${url}${probe}`, running.signal);
  await runShort(short, processes, concurrency);
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = cpuSeconds(pid) - cpuBefore;
  running.abort();
  const waits = await waiting;
  return {
    'processes/s': processes / seconds,
    'server CPU ms each': (cpu * 1000) / processes,
    'other request p50 ms': quantile(waits, 0.5),
    'other request p99 ms': quantile(waits, 0.99),
  };
}

async function probeUntil(url: string, signal: AbortSignal): Promise<number[]> {
  const agent = keepAlive(1);
  const ms: number[] = [];
  while (!signal.aborted) {
    const startedAt = performance.now();
    await textOf(url, { agent });
    ms.push(performance.now() - startedAt);
    await sleep(10);
  }
  agent.destroy();
  return ms;
}
