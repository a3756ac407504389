import type { Case } from '../report.ts';
import { exitDelay } from './exit-delay.ts';
import { fanOutCost } from './fan-out-cost.ts';
import { oneReader } from './one-reader.ts';
import { processRate } from './process-rate.ts';
import { startLatency } from './start-latency.ts';
import { starts } from './starts.ts';

/** The service beside a yardstick, round by round in the same run. */
export const comparisons: readonly Case[] = [
  startLatency,
  starts,
  exitDelay,
  processRate,
  oneReader,
  fanOutCost,
];
