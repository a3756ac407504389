import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBrowser } from './browser.ts';
import { pageEventSource } from './clients.ts';
import { cutAtRandom, figuresOf, smallReplay } from './cut-at-random.ts';
import { ServiceProcess } from '../service-process.ts';

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

  test(
    '20 pages get 30 000 events once and in order, and stop by themselves',
    { timeout: 300_000 },
    async ({ annotate }) => {
      const size = { readers: 20, events: 30_000 };
      const runs = await cutAtRandom(service, pageEventSource(browser), size);
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
