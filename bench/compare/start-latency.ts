import type { Agent } from 'node:http';
import { buffersOf, call, go, keepAlive, startProcess, textOf } from '../client.ts';
import type { Case, Result } from '../report.ts';
import { figure, mebibyte, quantile } from '../report.ts';
import type { Build, Server } from '../servers.ts';
import { compared, inTurn, rounds } from './rounds.ts';

const starts = 200;

export const startLatency: Case = {
  name: 'start-latency',
  title: 'from the start request to the first byte of `echo hi`, one at a time',
  async run(build) {
    await using yardstick = await build.yardstick();
    await using service = await build.service();
    const raw = () => delays(`${yardstick.url}/run`, undefined, 'hi');
    await raw();
    await delays(`${service.url}/processes`, 'text/plain', 'hi');
    const text = await inTurn(raw, () => delays(`${service.url}/processes`, 'text/plain', 'hi'));
    const sse = await inTurn(raw, () =>
      delays(`${service.url}/processes`, 'text/event-stream', 'event: output'),
    );
    return [
      ...compared('text/plain', text),
      ...compared('SSE', sse),
      ...(await afterMuchOutput(build)),
    ];
  },
};

/** A fork costs more the more memory a server holds, so what it retains must not be there. */
async function afterMuchOutput(build: Build): Promise<Result[]> {
  const bytes = 1024 * mebibyte;
  const bound = String(2 * bytes);
  await using service = await build.service({ PROCESSION_RETAINED_OUTPUT_BYTES_MAX: bound });
  const measure = () => delays(`${service.url}/processes`, 'text/event-stream', 'event: output');
  await measure();
  const before: number[] = [];
  const after: number[] = [];
  for (let round = 0; round < rounds; round += 1) before.push((await measure())['p50 ms']);
  await retain(build, service, bytes);
  for (let round = 0; round < rounds; round += 1) after.push((await measure())['p50 ms']);
  const ratio = quantile(after, 0.5) / quantile(before, 0.5);
  return [figure('p50 with 1 GiB retained over p50 with none', ratio)];
}

async function retain(build: Build, { url }: Server, bytes: number): Promise<void> {
  const argv = [process.execPath, build.compiled('children/write-pattern'), 'zeros', String(bytes)];
  const process_url = await startProcess(url, { argv, pipe_stdin: true });
  await go(process_url);
  const wake = await call(`${process_url}/wake?format=sse`);
  for await (const piece of buffersOf(wake)) if (piece.length === 0) break;
  await textOf(process_url);
}

async function delays(url: string, accept: string | undefined, first: string) {
  const agent = keepAlive(1);
  const ms: number[] = [];
  for (let index = 0; index < starts; index += 1) {
    ms.push(await delayOf(url, { agent, first, ...(accept === undefined ? {} : { accept }) }));
  }
  agent.destroy();
  return { 'p50 ms': quantile(ms, 0.5), 'p99 ms': quantile(ms, 0.99) };
}

async function delayOf(
  url: string,
  { first, ...options }: { agent: Agent; accept?: string; first: string },
): Promise<number> {
  const startedAt = performance.now();
  let seenAt: number | null = null;
  const response = await call(url, { ...options, body: { argv: ['echo', 'hi'] } });
  for await (const piece of buffersOf(response)) {
    if (piece.includes(first)) seenAt ??= performance.now();
  }
  if (seenAt === null) throw new Error('the output did not come');
  return seenAt - startedAt;
}
