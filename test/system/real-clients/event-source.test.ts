import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { npmEventSource, undiciEventSource } from './clients.ts';
import { cutAtRandom, figuresOf, smallReplay } from './cut-at-random.ts';
import { ServiceProcess } from '../service-process.ts';

describe('an EventSource of Node that is cut at random', () => {
  let service: ServiceProcess;
  beforeAll(async () => {
    service = await ServiceProcess.start(smallReplay);
  });
  afterAll(() => service.remove());

  test.for([
    ['npm eventsource', npmEventSource],
    ['undici', undiciEventSource],
  ] as const)(
    '20 readers with %s get 30 000 events once and in order, and stop by themselves',
    { timeout: 300_000 },
    async ([, follow], { annotate }) => {
      const runs = await cutAtRandom(service, follow, { readers: 20, events: 30_000 });
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
