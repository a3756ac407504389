import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBrowser } from './browser.ts';
import { pageEventSource } from './clients.ts';
import { cutAtRandom, figuresOf, smallReplay } from './cut-at-random.ts';
import { ServiceProcess } from './service-process.ts';

describe('pages in Chromium that are cut at random', () => {
  let service: ServiceProcess;
  let browser: Browser;
  beforeAll(async () => {
    [service, browser] = await Promise.all([ServiceProcess.start(smallReplay), openBrowser()]);
  });
  afterAll(async () => {
    await browser.close();
    await service.remove();
  });

  test.for([
    [4, 30_000],
    [16, 6000],
  ] as const)(
    '%i pages get %i events once and in order, and stop by themselves',
    { timeout: 300_000 },
    async ([readers, events], { annotate }) => {
      const runs = await cutAtRandom(service, pageEventSource(browser), { readers, events });
      await annotate(figuresOf(runs));
      const { expected } = runs;
      for (const { account, proxy } of runs.runs) {
        expect(account).toEqual(expected);
        expect(proxy.log.statuses[204]).toBe(1);
        expect(proxy.log.requestsAt(expected.events)).toBe(1);
      }
    },
  );
});
