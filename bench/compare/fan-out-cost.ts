import { go, startProcess, textOf } from '../client.ts';
import { startReaders } from '../fan.ts';
import { cpuSeconds } from '../proc.ts';
import type { Case } from '../report.ts';
import type { Build, Server } from '../servers.ts';
import { compared, inTurn } from './rounds.ts';

const readers = 100;
const lines = 5000;
const linesPerSecond = 1000;

export const fanOutCost: Case = {
  name: 'fan-out-cost',
  title: '100 readers of one process, 5000 lines at 1000 a second',
  async run(build) {
    await using yardstick = await build.yardstick();
    await using service = await build.service();
    const pairs = await inTurn(
      () => raw(build, yardstick),
      () => own(build, service),
    );
    return compared('100 readers', pairs);
  },
};

async function raw(build: Build, server: Server) {
  const id = await textOf(`${server.url}/start`, { body: { argv: argvOf(build) } });
  const url = `${server.url}/follow/${id}`;
  return measure(build, server, { url, begin: () => textOf(`${server.url}/go/${id}`) });
}

async function own(build: Build, server: Server) {
  const url = await startProcess(server.url, { argv: argvOf(build), pipe_stdin: true });
  return measure(build, server, { url: `${url}/events?after_seq=0`, begin: () => go(url) });
}

async function measure(
  build: Build,
  { pid }: Server,
  { url, begin }: { url: string; begin: () => Promise<unknown> },
) {
  const clients = startReaders(build.compiled('clients/readers'), url, readers);
  await clients.connected;
  const cpuBefore = cpuSeconds(pid);
  await begin();
  const seen = await clients.seen;
  if (seen.lines !== lines * readers) throw new Error(`${seen.lines} lines came`);
  return {
    'server CPU s': cpuSeconds(pid) - cpuBefore,
    'delay p50 ms': seen.delayMs.p50,
    'delay p99 ms': seen.delayMs.p99,
  };
}

function argvOf(build: Build): readonly string[] {
  const writer = build.compiled('children/write-lines');
  return [process.execPath, writer, String(lines), String(linesPerSecond)];
}
