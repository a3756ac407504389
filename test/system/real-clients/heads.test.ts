import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBrowser } from './browser.ts';
import type { RealClient } from './clients.ts';
import {
  carefulCurl,
  npmEventSource,
  reopenedPageEventSource,
  undiciEventSource,
} from './clients.ts';
import { cutAtRandom, figuresOf, smallReplay } from './cut-at-random.ts';
import { ServiceProcess } from '../service-process.ts';

describe('a reader whose answers are also cut by FIN inside their heads', () => {
  let service: ServiceProcess;
  let browser: Browser;
  beforeAll(async () => {
    [service, browser] = await Promise.all([ServiceProcess.start(smallReplay), openBrowser()]);
  });
  afterAll(async () => {
    await browser.close();
    await service.remove();
  });

  test.for<[string, () => RealClient]>([
    ['a loop around curl that asks for `closed` too', () => carefulCurl],
    ['npm eventsource', () => npmEventSource],
    ['undici', () => undiciEventSource],
    ['a page that opens a new EventSource', () => reopenedPageEventSource(browser)],
  ])(
    '%s gets every event once and in order',
    { timeout: 120_000 },
    async ([, client], { annotate }) => {
      const size = { readers: 5, events: 3000, headsByFin: true };
      const runs = await cutAtRandom(service, client(), size);
      await annotate(figuresOf(runs));
      for (const { account } of runs.runs) expect(account).toEqual(runs.expected);
    },
  );
});
