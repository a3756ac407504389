import { buffersOf, call, go, startProcess, textOf } from '../client.ts';
import type { PatternName } from '../patterns.ts';
import { cpuSeconds } from '../proc.ts';
import type { Case } from '../report.ts';
import { mebibyte } from '../report.ts';
import type { Build, Server } from '../servers.ts';
import { framesOf, outputOf } from '../sse.ts';
import { compared, inTurn } from './rounds.ts';

const bytes = 512 * mebibyte;

export const oneReader: Case = {
  name: 'one-reader',
  title: '512 MiB from a child to one reader',
  async run(build) {
    await using yardstick = await build.yardstick();
    // A reader that eviction overtakes gets gaps, and a raw one is cut; a busy machine is slow.
    const bound = String(2 * bytes);
    await using service = await build.service({ PROCESSION_RETAINED_OUTPUT_BYTES_MAX: bound });
    const results = [];
    for (const { label, pattern, query } of kinds) {
      const pairs = await inTurn(
        () => raw(build, yardstick, pattern),
        () => own(build, service, { pattern, query }),
      );
      results.push(...compared(label, pairs));
    }
    return results;
  },
};

interface Kind {
  readonly pattern: PatternName;
  readonly query: string;
}

const kinds: readonly (Kind & { readonly label: string })[] = [
  { label: 'SSE base64', pattern: 'zeros', query: 'format=sse&encoding=base64' },
  { label: 'SSE utf8 text', pattern: 'text', query: 'format=sse&encoding=utf8' },
  { label: 'raw', pattern: 'zeros', query: 'format=raw&follow=true' },
];

async function raw(build: Build, server: Server, pattern: PatternName) {
  const body = { argv: argvOf(build, pattern) };
  const id = await textOf(`${server.url}/start`, { body });
  const reading = call(`${server.url}/follow/${id}`);
  return timed(server, await reading, {
    go: () => textOf(`${server.url}/go/${id}`),
    isFramed: false,
  });
}

async function own(build: Build, server: Server, { pattern, query }: Kind) {
  const start = { argv: argvOf(build, pattern), pipe_stdin: true, retention_ms: 0 };
  const url = await startProcess(server.url, start);
  const response = await call(`${url}/output?after_seq=0&${query}`);
  return timed(server, response, { go: () => go(url), isFramed: query.includes('sse') });
}

async function timed(
  { pid }: Server,
  response: Awaited<ReturnType<typeof call>>,
  { go: begin, isFramed }: { go: () => Promise<unknown>; isFramed: boolean },
) {
  const cpuBefore = cpuSeconds(pid);
  const startedAt = performance.now();
  const begun = begin();
  const received = await (isFramed ? payloadOf(response) : lengthOf(response));
  const seconds = (performance.now() - startedAt) / 1000;
  await begun;
  if (received < bytes) throw new Error(`only ${received} bytes came`);
  return {
    'MB/s': received / 1e6 / seconds,
    'server CPU s/GB': (cpuSeconds(pid) - cpuBefore) / (received / 1e9),
  };
}

async function payloadOf(response: Awaited<ReturnType<typeof call>>): Promise<number> {
  let total = 0;
  for await (const frames of framesOf(response)) {
    const output = frames.filter(({ event }) => event === 'output');
    for (const frame of output) total += outputOf(frame).length;
  }
  return total;
}

async function lengthOf(response: Awaited<ReturnType<typeof call>>): Promise<number> {
  let total = 0;
  for await (const piece of buffersOf(response)) total += piece.length;
  return total;
}

function argvOf(build: Build, pattern: PatternName): readonly string[] {
  return [process.execPath, build.compiled('children/write-pattern'), pattern, String(bytes)];
}
