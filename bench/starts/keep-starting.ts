/** What to start, over and over. */
export interface Order {
  readonly argv: readonly string[];
  readonly inFlight: number;
  /** After this nothing new is started. */
  readonly ms: number;
}

/** What came of an order, from the first start to the last end. */
export interface Starts {
  readonly starts: number;
  readonly seconds: number;
  /** Processor time of the process that starts, without the children. */
  readonly cpuSeconds: number;
  /** From each start to its first output; of those that had one. */
  readonly firstOutputMs: readonly number[];
}

/** Starts one child, calls back at its output, and resolves when it is over. */
export type StartOne = (argv: readonly string[], onOutput: () => void) => Promise<void>;

/** Carries out an order; `cpuSeconds` reads the clock of the process that starts. */
export async function keepStarting(
  startOne: StartOne,
  { argv, inFlight, ms }: Order,
  cpuSeconds: () => number,
): Promise<Starts> {
  const cpuBefore = cpuSeconds();
  const beganAt = performance.now();
  const firstOutputMs: number[] = [];
  let starts = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() - beganAt < ms) {
      const startedAt = performance.now();
      const outputMs: number[] = [];
      starts += 1;
      await startOne(argv, () => outputMs.push(performance.now() - startedAt));
      firstOutputMs.push(...outputMs.slice(0, 1));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const seconds = (performance.now() - beganAt) / 1000;
  return { starts, seconds, cpuSeconds: cpuSeconds() - cpuBefore, firstOutputMs };
}

/** Reads what a process printed of its starts. */
export function parseStarts(line: string): Starts {
  const value: unknown = JSON.parse(line);
  if (isStarts(value)) return value;
  throw new Error(`unexpected line: ${line}`);
}

function isStarts(value: unknown): value is Starts {
  return typeof value === 'object' && value !== null && 'starts' in value && 'seconds' in value;
}
