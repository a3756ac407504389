import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { Client } from '../../routes/client.ts';
import { openBrowser } from './browser.ts';
import type { RealClient } from './clients.ts';
import { curl, npmEventSource, pageEventSource, undiciEventSource } from './clients.ts';
import { Copy, moreThanBuffersBytes } from './copy.ts';
import { smallReplay } from './cut-at-random.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { Reading } from './reading.ts';
import { ServiceProcess } from '../service-process.ts';
import { Talk } from './talk.ts';

describe('streams over a restart of the service', () => {
  let service: ServiceProcess;
  let browser: Browser;
  let clients: readonly RealClient[];
  beforeAll(async () => {
    [service, browser] = await Promise.all([ServiceProcess.start(smallReplay), openBrowser()]);
    clients = [curl, npmEventSource, undiciEventSource, pageEventSource(browser)];
  });
  afterAll(async () => {
    await browser.close();
    await service.remove();
  });

  test(
    'every client gets the last words of a process that the stop of the service ended',
    { timeout: 120_000 },
    async () => {
      const talk = await new Talk(service).start();
      const readers = clients.map((follow) => {
        const reading = new Reading();
        return { reading, ended: follow(`${service.url}${talk.path}`, reading) };
      });
      await eventually(
        () => new Client(service).metric('procession_readers'),
        (open) => open === readers.length,
      );
      await talk.begin();
      await talk.reach(3000);
      expect(await service.terminate()).toBe(0);
      await service.run();
      await Promise.all(readers.map(({ ended }) => ended));
      const expected = await talk.whole();
      for (const { reading } of readers) expect(reading.account()).toEqual(expected);
    },
  );

  test(
    'every client in the middle of the log of a closed process gets the rest of it once',
    { timeout: 120_000 },
    async () => {
      const holdAfterBytes = 500_000;
      const copy = await new Copy(service).start();
      await copy.write(moreThanBuffersBytes);
      await copy.end();
      const readers = await Promise.all(
        clients.map(async (follow) => {
          const proxy = await CuttingProxy.open({ upstream: service.url, holdAfterBytes });
          onTestFinished(() => {
            proxy.close();
          });
          const reading = new Reading();
          const ended = follow(`${proxy.url}${copy.path}`, reading);
          await eventually(
            () => proxy.isHeld,
            (isHeld) => isHeld,
          );
          return { proxy, reading, ended };
        }),
      );
      expect(await service.terminate()).toBe(0);
      for (const { proxy } of readers) proxy.release();
      await service.run();
      await Promise.all(readers.map(({ ended }) => ended));
      const expected = await copy.whole();
      for (const { proxy, reading } of readers) {
        expect(reading.account()).toEqual(expected);
        const cursors = proxy.log.requests.map(({ lastEventId }) => Number(lastEventId));
        expect(cursors.some((seq) => seq > 0 && seq < expected.events)).toBe(true);
      }
    },
  );
});
