import { createHash } from 'node:crypto';
import { call, go, startProcess } from '../client.ts';
import type { PatternName } from '../patterns.ts';
import { digestOf } from '../patterns.ts';
import { peakRssBytes, resetPeak, rssBytes } from '../proc.ts';
import type { Case, Result } from '../report.ts';
import { atMost, exactly, figure, mebibyte } from '../report.ts';
import type { Build } from '../servers.ts';
import { framesOf, outputOf } from '../sse.ts';

const bytes = 1024 * mebibyte;

export const bigOutput: Case = {
  name: 'big-output',
  title: '1 GiB through SSE with 2 GiB retained, base64',
  run: (build) => prove(build, 'noise', 'base64'),
};

export const bigText: Case = {
  name: 'big-text',
  title: '1 GiB of text through SSE with 2 GiB retained, utf8',
  run: (build) => prove(build, 'text', 'utf8'),
};

async function prove(
  build: Build,
  pattern: PatternName,
  encoding: 'base64' | 'utf8',
): Promise<readonly Result[]> {
  const expected = digestOf(pattern, bytes);
  await using server = await build.service({
    PROCESSION_RETAINED_OUTPUT_BYTES_MAX: String(2048 * mebibyte),
  });
  const writer = build.compiled('children/write-pattern');
  const argv = [process.execPath, writer, pattern, String(bytes)];
  const url = await startProcess(server.url, { argv, pipe_stdin: true });
  const before = rssBytes(server.pid);
  resetPeak(server.pid);
  const output = `${url}/output?format=sse&after_seq=0&encoding=${encoding}`;
  const live = call(output).then((response) => digest(response));
  await go(url);
  const startedAt = performance.now();
  const received = await live;
  const seconds = (performance.now() - startedAt) / 1000;
  const livePeak = peakRssBytes(server.pid);
  const again = await digest(await call(output));
  return [
    exactly('bytes received', received.bytes, expected.bytes),
    exactly('SHA-256 live', received.sha256, expected.sha256),
    exactly('SHA-256 read again from the store', again.sha256, expected.sha256),
    figure('rate', received.bytes / 1e6 / seconds, 'MB/s'),
    figure('RSS before', before / mebibyte, 'MiB'),
    atMost('RSS growth, live', (livePeak - before) / mebibyte, { max: 64, unit: 'MiB' }),
    atMost('RSS growth, both', (peakRssBytes(server.pid) - before) / mebibyte, {
      max: 64,
      unit: 'MiB',
    }),
  ];
}

async function digest(response: Awaited<ReturnType<typeof call>>) {
  const hash = createHash('sha256');
  let total = 0;
  for await (const frames of framesOf(response)) {
    for (const frame of frames) {
      if (frame.event === 'gap') throw new Error('a gap, although everything is retained');
      if (frame.event !== 'output') continue;
      const chunk = outputOf(frame);
      hash.update(chunk);
      total += chunk.length;
    }
  }
  return { sha256: hash.digest('hex'), bytes: total };
}
