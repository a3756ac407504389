import type { Case } from '../report.ts';
import { bigOutput, bigText } from './big-output.ts';
import { fanOut } from './fan-out.ts';
import { shortProcesses } from './short-processes.ts';
import { slowReader } from './slow-reader.ts';
import { tinyWrites } from './tiny-writes.ts';

/** The load that the service must hold. */
export const loadCases: readonly Case[] = [
  bigOutput,
  bigText,
  slowReader,
  tinyWrites,
  fanOut,
  shortProcesses,
];
