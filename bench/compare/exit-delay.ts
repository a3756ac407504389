import { call, keepAlive } from '../client.ts';
import type { Case, Result } from '../report.ts';
import { atMost, figure, quantile } from '../report.ts';
import type { Server } from '../servers.ts';
import { framesOf, outputOf } from '../sse.ts';
import { compileC, missingCompiler } from '../starts/c-program.ts';

const target = { max: 50, unit: 'ms' };

export const exitDelay: Case = {
  name: 'exit-delay',
  title: 'from the exit of a child to the event `exited` at a reader of SSE',
  async run(build) {
    const missing = missingCompiler();
    if (missing !== null) return [missing];
    using child = compileC('end-time');
    const results: Result[] = [];
    for (const spawner of ['posix', 'execa']) {
      await using service = await build.service({ PROCESSION_SPAWNER: spawner });
      await delays(service, { argv: [child.file], inFlight: 8, count: 200 });
      for (const { label, more, ...how } of plans) {
        const ms = await delays(service, { argv: [child.file, ...more], ...how });
        const title = `${spawner}, ${label}`;
        const p99 = quantile(ms, 0.99);
        results.push(
          figure(`${title}: p50`, quantile(ms, 0.5), 'ms'),
          // With execa a fork keeps everybody waiting, so it is only reported.
          spawner === 'posix'
            ? atMost(`${title}: p99`, p99, target)
            : figure(`${title}: p99`, p99, 'ms'),
        );
      }
    }
    return results;
  },
};

/** How long a descendant holds the pipes. */
const heldMs = '300';

const plans = [
  { label: 'one at a time', more: [], inFlight: 1, count: 500 },
  { label: '8 in flight', more: [], inFlight: 8, count: 2000 },
  { label: 'pipes held, 8 in flight', more: [heldMs], inFlight: 8, count: 200 },
];

interface How {
  readonly argv: readonly string[];
  readonly inFlight: number;
  readonly count: number;
}

async function delays({ url }: Server, { argv, inFlight, count }: How): Promise<number[]> {
  const agent = keepAlive(inFlight);
  const ms: number[] = [];
  let started = 0;
  const lane = async (): Promise<void> => {
    while (started < count) {
      started += 1;
      const start = { accept: 'text/event-stream', body: { argv }, agent };
      ms.push(await delayOf(await call(`${url}/processes`, start)));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  agent.destroy();
  return ms;
}

/** The child writes when it ends; its clock is ours. */
async function delayOf(response: Awaited<ReturnType<typeof call>>): Promise<number> {
  let endedAt = '';
  let seenAt: bigint | null = null;
  for await (const frames of framesOf(response)) {
    const now = process.hrtime.bigint();
    for (const frame of frames) {
      if (frame.event === 'output') endedAt += outputOf(frame).toString();
      if (frame.event === 'exited') seenAt = now;
    }
  }
  if (seenAt === null || endedAt === '') throw new Error('the exit did not come');
  return Number(seenAt - BigInt(endedAt)) / 1e6;
}
