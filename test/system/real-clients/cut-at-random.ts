import { onTestFailed, onTestFinished } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import type { RealClient } from './clients.ts';
import { headCuts, randomCuts, runSeed } from './cuts.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import type { Account } from './reading.ts';
import { Reading } from './reading.ts';
import type { ServiceProcess } from '../service-process.ts';
import { Talk } from './talk.ts';

/** What one reader was given, and what that took. */
export interface Run {
  readonly account: Account;
  readonly proxy: CuttingProxy;
}

/** What all runs must show, and each of them. */
export interface Runs {
  readonly expected: Account;
  readonly runs: readonly Run[];
}

/** How much is proved, and whether a FIN may cut a head: see {@link CuttingProxy}. */
export interface Size {
  readonly readers: number;
  readonly events: number;
  readonly headsByFin?: boolean;
}

/** A replay so small that whoever is cut or slow has fallen out of it. */
export const smallReplay = { REPLAY_EVENTS_MAX: 64, REPLAY_BYTES_MAX: 2048 };

/**
 * Lets one process talk for at least so many events to readers that are there from the start,
 * each cut at random in its own way, and waits until every one of them has come to its end.
 */
export async function cutAtRandom(
  service: ServiceProcess,
  follow: RealClient,
  { readers, events, headsByFin = false }: Size,
): Promise<Runs> {
  const seed = runSeed();
  onTestFailed(() => {
    process.stderr.write(`repeat with REAL_CLIENTS_SEED=${seed}\n`);
  });
  const talk = await new Talk(service).start();
  const runs = await Promise.all(
    Array.from({ length: readers }, async (_, index) => {
      const nextCut = (headsByFin ? headCuts : randomCuts)(seed + index);
      const proxy = await CuttingProxy.open({ upstream: service.url, nextCut, headsByFin });
      onTestFinished(() => {
        proxy.close();
      });
      const reading = new Reading();
      return { proxy, reading, ended: follow(`${proxy.url}${talk.path}`, reading) };
    }),
  );
  await eventually(
    () => runs.filter(({ proxy }) => proxy.log.requests.length > 0).length,
    (asking) => asking === readers,
  );
  await talk.begin();
  await talk.reach(events);
  await talk.end();
  await Promise.all(runs.map(({ ended }) => ended));
  const expected = await talk.whole();
  return {
    expected,
    runs: runs.map(({ proxy, reading }) => ({ proxy, account: reading.account() })),
  };
}

/** The figures of some runs in one line. */
export function figuresOf({ expected, runs }: Runs): string {
  const sum = (count: (proxy: CuttingProxy) => number): number =>
    runs.reduce((total, { proxy }) => total + count(proxy), 0);
  return JSON.stringify({
    readers: runs.length,
    events: expected.events,
    fin: sum(({ cuts }) => cuts.fin),
    rst: sum(({ cuts }) => cuts.rst),
    requests: sum(({ log }) => log.requests.length),
    redirects: sum(({ log }) => log.statuses[307] ?? 0),
    lagged: sum(({ log }) => log.lagged),
  });
}
