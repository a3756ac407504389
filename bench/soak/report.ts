import type { Result } from '../report.ts';
import { atMost, exactly, figure, mebibyte } from '../report.ts';
import type { Sample } from './sample.ts';
import type { Soaked } from './soak.ts';
import { exactFigures } from './soak.ts';

/** The columns of the table of samples, and of the slopes. */
const columns: readonly (readonly [string, (sample: Sample) => number])[] = [
  ['minute', ({ atMs }) => atMs / 60_000],
  ['started', ({ started }) => started],
  ['descriptors', ({ fds }) => fds],
  ['timers', ({ timers }) => timers],
  ['children', ({ children }) => children],
  ['zombies', ({ zombies }) => zombies],
  ['readers', ({ readers }) => readers],
  ['listed', ({ listed }) => listed],
  ['files', ({ files }) => files],
  ['disk MiB', ({ diskBytes }) => diskBytes / mebibyte],
  ['heap MiB', ({ heapBytes }) => heapBytes / mebibyte],
  ['buffers MiB', ({ externalBytes }) => externalBytes / mebibyte],
  ['RSS MiB', ({ rssBytes }) => rssBytes / mebibyte],
];

/** The head of the table of samples. */
export function tableHead(): string {
  return rowOf(columns.map(([name]) => name));
}

/** A sample as a row of it. */
export function tableRow(sample: Sample): string {
  return rowOf(columns.map(([, valueOf]) => valueOf(sample).toFixed(1).replace('.0', '')));
}

/** By how much each figure grows in an hour, by least squares over the second half. */
export function slopes({ samples }: Soaked): readonly Result[] {
  const half = samples.slice(Math.floor(samples.length / 2));
  return columns
    .slice(2)
    .map(([name, valueOf]) =>
      figure(
        `${name} per hour`,
        slope(half.map((sample) => [sample.atMs / 3_600_000, valueOf(sample)])),
      ),
    );
}

/** What must have returned; memory only when the soak was long enough to say something of it. */
export function verdict(soaked: Soaked, isLong: boolean): readonly Result[] {
  const { empty, baseline, samples, last, done, failures } = soaked;
  const middle = samples[Math.floor(samples.length / 2)] ?? last;
  const ratio = last.rssBytes / middle.rssBytes;
  const diskGrowth = (last.diskBytes - empty.diskBytes) / mebibyte;
  return [
    figure('actions done', done),
    figure('processes started', last.started),
    exactly('actions that failed', failures.length, 0),
    ...exactFigures.map((name) => exactly(name, last[name], baseline[name])),
    atMost('disk beyond the empty directory', diskGrowth, {
      max: diskMebibytesMax(last.started),
      unit: 'MiB',
    }),
    isLong
      ? atMost('RSS at the end, to that in the middle', ratio, { max: 1.25, unit: '' })
      : figure('RSS at the end, to that in the middle', ratio),
  ];
}

/**
 * What the metadata may hold: the ids of removed processes, which are remembered for an hour, at
 * 256 bytes each, and a write-ahead log that SQLite lets grow to 4 MiB.
 */
function diskMebibytesMax(started: number): number {
  return 6 + Math.ceil((started * 256) / mebibyte);
}

/** By least squares; NaN for fewer than two points. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanX = mean(points.map(([x]) => x));
  const meanY = mean(points.map(([, y]) => y));
  const covariance = mean(points.map(([x, y]) => (x - meanX) * (y - meanY)));
  return covariance / mean(points.map(([x]) => (x - meanX) ** 2));
}

function rowOf(cells: readonly string[]): string {
  return cells.map((cell) => cell.padStart(12)).join('');
}
