import type { Result } from '../report.ts';
import { figure, spread } from '../report.ts';

export const rounds = 3;

/** Measures both in turn, three times. */
export async function inTurn<Figures extends Readonly<Record<string, number>>>(
  yardstick: () => Promise<Figures>,
  service: () => Promise<Figures>,
): Promise<{ yardstick: Figures; service: Figures }[]> {
  const pairs: { yardstick: Figures; service: Figures }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    pairs.push({ yardstick: await yardstick(), service: await service() });
  }
  return pairs;
}

/** Per figure: both medians, and the median of the ratios of each round, with their ranges. */
export function compared(
  label: string,
  pairs: readonly {
    readonly yardstick: Readonly<Record<string, number>>;
    readonly service: Readonly<Record<string, number>>;
  }[],
): Result[] {
  return Object.keys(pairs[0]?.service ?? {}).flatMap((name) => {
    const mine = pairs.map(({ service }) => service[name] ?? Number.NaN);
    const its = pairs.map(({ yardstick }) => yardstick[name] ?? Number.NaN);
    const ratios = mine.map((value, round) => value / (its[round] ?? Number.NaN));
    return [
      figure(`${label}: ${name}, yardstick`, spread(its)),
      figure(`${label}: ${name}, service`, spread(mine)),
      figure(`${label}: ${name}, ratio`, spread(ratios)),
    ];
  });
}
