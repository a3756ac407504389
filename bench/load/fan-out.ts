import { go, startProcess } from '../client.ts';
import { startReaders } from '../fan.ts';
import { cpuSeconds, peakRssBytes, rssBytes } from '../proc.ts';
import type { Case } from '../report.ts';
import { exactly, figure, mebibyte } from '../report.ts';

const readersPerClient = 500;
const lines = 5000;
const linesPerSecond = 500;

export const fanOut: Case = {
  name: 'fan-out',
  title: '1000 readers of /events, 5000 lines at 500 a second',
  async run(build) {
    await using server = await build.service();
    const writer = build.compiled('children/write-lines');
    const argv = [process.execPath, writer, String(lines), String(linesPerSecond)];
    const url = await startProcess(server.url, { argv, pipe_stdin: true });
    const before = rssBytes(server.pid);
    const clients = [1, 2].map(() =>
      startReaders(
        build.compiled('clients/readers'),
        `${url}/events?after_seq=0`,
        readersPerClient,
      ),
    );
    await Promise.all(clients.map(({ connected }) => connected));
    const idle = (rssBytes(server.pid) - before) / readersPerClient / clients.length;
    const cpuBefore = cpuSeconds(server.pid);
    const startedAt = performance.now();
    await go(url);
    const seen = await Promise.all(clients.map((client) => client.seen));
    const seconds = (performance.now() - startedAt) / 1000;
    const readers = readersPerClient * clients.length;
    const hashes = new Set(seen.flatMap((each) => each.hashes));
    return [
      exactly('streams that ended cleanly', sum(seen.map(({ complete }) => complete)), readers),
      exactly('different streams', hashes.size, 1),
      exactly('lines received', sum(seen.map((each) => each.lines)), lines * readers),
      figure('duration', seconds, 's'),
      figure('delay p50', Math.max(...seen.map(({ delayMs }) => delayMs.p50)), 'ms'),
      figure('delay p99', Math.max(...seen.map(({ delayMs }) => delayMs.p99)), 'ms'),
      figure('server CPU', cpuSeconds(server.pid) - cpuBefore, 's'),
      figure('RSS of an idle reader', idle / 1024, 'KiB'),
      figure('RSS growth under load', (peakRssBytes(server.pid) - before) / mebibyte, 'MiB'),
    ];
  },
};

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
