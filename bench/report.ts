import type { Build } from './servers.ts';

/** One figure of a case. */
export interface Result {
  readonly figure: string;
  readonly value: number | string;
  readonly unit?: string;
  /** What must hold, in words; none for a figure that is only reported. */
  readonly criterion?: string;
  readonly holds?: boolean;
}

/** A load proof or a comparison, by the name that the command line knows. */
export interface Case {
  readonly name: string;
  readonly title: string;
  readonly run: (build: Build) => Promise<readonly Result[]>;
}

export const mebibyte = 1024 * 1024;

/** A figure that is only reported. */
export function figure(name: string, value: number | string, unit = ''): Result {
  return { figure: name, value: typeof value === 'number' ? rounded(value) : value, unit };
}

/** A figure that must be at most `max`. */
export function atMost(name: string, value: number, { max, unit }: Bound): Result {
  const criterion = `<= ${max}${unit === '' ? '' : ` ${unit}`}`;
  return { figure: name, value: rounded(value), unit, criterion, holds: value <= max };
}

/** Figures of several rounds whose median must be at least `min`. */
export function medianAtLeast(name: string, values: readonly number[], min: number): Result {
  const holds = median(values) >= min;
  return { figure: name, value: spread(values), criterion: `>= ${min}`, holds };
}

/** A figure that must be exactly `expected`. */
export function exactly(name: string, value: number | string, expected: number | string): Result {
  return { figure: name, value, criterion: `= ${expected}`, holds: value === expected };
}

interface Bound {
  readonly max: number;
  readonly unit: string;
}

/** Prints one JSON line for each result. */
export function printLines(name: string, results: readonly Result[]): void {
  for (const result of results) console.log(JSON.stringify({ case: name, ...result }));
}

/** Prints a case as a table of Markdown. */
export function printTable(title: string, results: readonly Result[]): void {
  const rows = results.map(({ figure: name, value, unit = '', criterion = '', holds }) => [
    name,
    `${value}${unit === '' ? '' : ` ${unit}`}`,
    criterion,
    holds === undefined ? '' : holds ? 'yes' : '**no**',
  ]);
  const lines = [['figure', 'value', 'criterion', 'holds'], ['---', '---', '---', '---'], ...rows];
  console.log(`\n### ${title}\n\n${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`);
}

/** The middle of an odd number of values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** The value below which `part` of all are. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/** A median with its range, as text. */
export function spread(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${rounded(median(values))} [${rounded(low)}..${rounded(high)}]`;
}

function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
