import { setTimeout as sleep } from 'node:timers/promises';
import { treeOf, usageOf } from '../proc.ts';
import type { Case, Result } from '../report.ts';
import { atMost, exactly, figure, mebibyte } from '../report.ts';
import { runShort } from '../rounds.ts';
import type { Build, Server } from '../servers.ts';

const processes = 10_000;
const warmUp = 1000;
const concurrency = 8;

export const shortProcesses: Case = {
  name: 'short-processes',
  title: '10 000 short processes in a row',
  async run(build) {
    return [...(await leaks(build)), ...(await removal(build))];
  },
};

async function leaks(build: Build): Promise<readonly Result[]> {
  await using server = await build.service();
  await runMany(server, warmUp, {});
  const first = await settled(server);
  const startedAt = performance.now();
  await runMany(server, processes / 2 - warmUp, {});
  const rate = (processes / 2 - warmUp) / ((performance.now() - startedAt) / 1000);
  const half = await settled(server);
  await runMany(server, processes / 2, {});
  const last = await settled(server);
  const growth = (last.rssBytes - first.rssBytes) / mebibyte;
  const lateGrowth = (last.rssBytes - half.rssBytes) / mebibyte;
  return [
    figure('processes per second', rate),
    exactly('descriptors after 10 000 (after 1000: the same)', last.fds, first.fds),
    exactly('children left', last.children, 0),
    exactly('zombies left', last.zombies, 0),
    figure('RSS after 1000', first.rssBytes / mebibyte, 'MiB'),
    atMost('RSS growth from 1000 to 10 000', growth, { max: 32, unit: 'MiB' }),
    // A leak of one KiB a process would be 5 MiB; the heap alone breathes by that.
    atMost('RSS growth from 5000 to 10 000', lateGrowth, { max: 8, unit: 'MiB' }),
  ];
}

/** With `retention_ms` 0 nothing stays but the ids, which answer 410 for an hour. */
async function removal(build: Build): Promise<readonly Result[]> {
  await using server = await build.service();
  const before = treeOf(`${server.dataDir}/logs`);
  await runMany(server, warmUp, { retention_ms: 0 });
  await sleep(3000);
  const after = treeOf(`${server.dataDir}/logs`);
  const { bytes } = treeOf(server.dataDir);
  return [
    exactly('log files after 1000 with retention_ms 0', after.files, before.files),
    figure('whole data directory then', bytes / 1024, 'KiB'),
  ];
}

function runMany({ url }: Server, count: number, more: object): Promise<void> {
  const start = {
    url: `${url}/processes`,
    accept: 'text/plain',
    body: (index: number) => ({ argv: index % 2 === 0 ? ['true'] : ['echo', 'hi'], ...more }),
  };
  return runShort(start, count, concurrency);
}

/** The usage once connections are closed and timers have run. */
async function settled({ pid }: Server) {
  await sleep(2000);
  return usageOf(pid);
}
