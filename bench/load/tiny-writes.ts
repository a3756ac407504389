import { call, startProcess } from '../client.ts';
import type { Case } from '../report.ts';
import { atMost, exactly, figure } from '../report.ts';
import { framesOf, outputOf } from '../sse.ts';

const writes = 1_000_000;

export const tinyWrites: Case = {
  name: 'tiny-writes',
  title: '1 000 000 writes of one byte',
  async run(build) {
    await using server = await build.service();
    const argv = [process.execPath, build.compiled('children/write-bytes'), String(writes)];
    const startedAt = performance.now();
    const url = await startProcess(server.url, { argv });
    const response = await call(`${url}/output?format=sse&after_seq=0&encoding=base64`);
    let received = 0;
    let events = 0;
    let wrong = 0;
    for await (const frames of framesOf(response)) {
      for (const frame of frames) {
        events += 1;
        if (frame.event !== 'output') continue;
        for (const byte of outputOf(frame)) wrong += byte === received++ % 251 ? 0 : 1;
      }
    }
    return [
      exactly('bytes received', received, writes),
      exactly('bytes out of place', wrong, 0),
      atMost('events', events, { max: 50_000, unit: '' }),
      figure('writes per second', writes / ((performance.now() - startedAt) / 1000)),
    ];
  },
};
