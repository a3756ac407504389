import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { curl } from './clients.ts';
import { cutAtRandom, figuresOf, smallReplay } from './cut-at-random.ts';
import { ServiceProcess } from '../service-process.ts';

describe('curl that is cut at random', () => {
  let service: ServiceProcess;
  beforeAll(async () => {
    service = await ServiceProcess.start(smallReplay);
  });
  afterAll(() => service.remove());

  test(
    '20 loops around curl get 30 000 events once and in order, and end at exit code 0',
    { timeout: 300_000 },
    async ({ annotate }) => {
      const runs = await cutAtRandom(service, curl, { readers: 20, events: 30_000 });
      await annotate(figuresOf(runs));
      const { expected } = runs;
      for (const { account, proxy } of runs.runs) {
        expect(account).toEqual(expected);
        expect(proxy.log.requestsAt(expected.events)).toBeLessThanOrEqual(1);
      }
    },
  );
});
