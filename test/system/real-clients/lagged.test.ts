import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { openBrowser } from './browser.ts';
import { curl, npmEventSource, pageEventSource, undiciEventSource } from './clients.ts';
import { Copy, moreThanBuffersBytes } from './copy.ts';
import { smallReplay } from './cut-at-random.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { Reading } from './reading.ts';
import { ServiceProcess } from '../service-process.ts';

describe('a reader that falls out of the replay', () => {
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
    ['curl', () => curl],
    ['npm eventsource', () => npmEventSource],
    ['undici', () => undiciEventSource],
    ['Chromium', () => pageEventSource(browser)],
  ] as const)(
    '%s that stalls is told `lagged`, is redirected once and gets every event once',
    { timeout: 120_000 },
    async ([, client]) => {
      const { copy, proxy } = await openCopy();
      const reading = new Reading();
      const ended = client()(`${proxy.url}${copy.path}`, reading);
      await eventually(
        () => proxy.log.statuses,
        ({ 200: opened }) => opened === 1,
      );
      proxy.hold();
      await copy.write(moreThanBuffersBytes);
      await copy.end();
      proxy.release();
      await ended;
      expect(reading.account()).toEqual(await copy.whole());
      expect(proxy.log.lagged).toBe(1);
      expect(proxy.log.statuses[307]).toBe(1);
    },
  );

  test.for([
    ['npm eventsource', npmEventSource],
    ['undici', undiciEventSource],
  ] as const)(
    'one EventSource of %s still gets on after 25 times `lagged` and as many redirects',
    { timeout: 120_000 },
    async ([, follow]) => {
      const { copy, proxy } = await openCopy();
      const { log } = proxy;
      const reading = new Reading();
      const ended = follow(`${proxy.url}${copy.path}`, reading);
      await eventually(
        () => log.statuses[200],
        (opened) => opened === 1,
      );
      for (let cycle = 1; cycle <= 25; cycle += 1) {
        while (log.lagged < cycle) await copy.write(200_000);
        const events = await copy.events();
        await eventually(
          () => reading.seq,
          (seq) => seq === events,
        );
        const { 200: opened = 0 } = log.statuses;
        proxy.cutNow();
        await eventually(
          () => log.statuses,
          ({ 200: now = 0 }) => now > opened,
        );
        expect(log.requests.at(-1)).toEqual({ path: copy.path, lastEventId: String(events) });
      }
      await copy.end();
      await ended;
      expect(reading.account()).toEqual(await copy.whole());
      expect(log.lagged).toBeGreaterThanOrEqual(25);
      expect(log.statuses[307]).toBeGreaterThanOrEqual(25);
    },
  );

  async function openCopy(): Promise<{ copy: Copy; proxy: CuttingProxy }> {
    const copy = await new Copy(service).start();
    const proxy = await CuttingProxy.open({ upstream: service.url });
    onTestFinished(() => {
      proxy.close();
    });
    return { copy, proxy };
  }
});
