import type { Case } from '../report.ts';
import { fanOutCost } from './fan-out-cost.ts';
import { oneReader } from './one-reader.ts';
import { processRate } from './process-rate.ts';
import { startLatency } from './start-latency.ts';

/** The service beside the yardstick, round by round in the same run. */
export const comparisons: readonly Case[] = [startLatency, processRate, oneReader, fanOutCost];
