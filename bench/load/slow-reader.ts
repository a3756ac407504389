import { setTimeout as sleep } from 'node:timers/promises';
import { call, go, startProcess } from '../client.ts';
import { digestOf } from '../patterns.ts';
import { peakRssBytes, resetPeak, rssBytes } from '../proc.ts';
import type { Case } from '../report.ts';
import { atMost, exactly, figure, mebibyte } from '../report.ts';
import { framesOf, member, outputOf } from '../sse.ts';

const bytes = 1024 * mebibyte;
const bytesPerSecond = 20_000_000;

export const slowReader: Case = {
  name: 'slow-reader',
  title: '1 GiB at the default bounds, a reader of 20 MB/s',
  async run(build) {
    await using server = await build.service();
    const writer = build.compiled('children/write-pattern');
    const argv = [process.execPath, writer, 'noise', String(bytes)];
    const url = await startProcess(server.url, { argv, pipe_stdin: true });
    const before = rssBytes(server.pid);
    resetPeak(server.pid);
    const output = `${url}/output?format=sse&after_seq=0&encoding=base64`;
    const reading = call(output).then((response) => readSlowly(response));
    await go(url);
    const { received, gapBytes, gaps, isInOrder } = await reading;
    return [
      figure('bytes received', received),
      figure('gaps', gaps),
      figure('bytes named in gaps', gapBytes),
      exactly('received + named', received + gapBytes, digestOf('zeros', bytes).bytes),
      exactly('seqs without a hole', String(isInOrder), 'true'),
      figure('RSS before', before / mebibyte, 'MiB'),
      atMost('RSS growth', (peakRssBytes(server.pid) - before) / mebibyte, {
        max: 64,
        unit: 'MiB',
      }),
    ];
  },
};

async function readSlowly(response: Awaited<ReturnType<typeof call>>) {
  const startedAt = performance.now();
  const sums = { received: 0, gapBytes: 0, gaps: 0, isInOrder: true };
  let next = 1;
  for await (const frames of framesOf(response)) {
    for (const frame of frames) {
      const isGap = frame.event === 'gap';
      const first = Number(member(frame.data, isGap ? 'from_seq' : 'seq'));
      sums.isInOrder &&= first === next;
      next = (frame.id ?? Number.NaN) + 1;
      if (isGap) {
        sums.gaps += 1;
        sums.gapBytes += Number(member(frame.data, 'bytes'));
      } else if (frame.event === 'output') sums.received += outputOf(frame).length;
    }
    const dueMs = (sums.received / bytesPerSecond) * 1000;
    const aheadMs = dueMs - (performance.now() - startedAt);
    if (aheadMs > 1) await sleep(aheadMs);
  }
  return sums;
}
