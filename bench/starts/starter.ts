// Starts children as it is told, an order and its result as one line of JSON each:
// node starter.js <spawner|backend> <posix|execa> <data directory>
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { pino } from 'pino';
import { loadConfig } from '../../src/config.ts';
import { Metrics } from '../../src/http/metrics.ts';
import { chooseSpawner } from '../../src/process/choose-spawner.ts';
import type { Spawner } from '../../src/process/spawner.ts';
import { createBackend } from '../../src/service.ts';
import type { Order, StartOne } from './keep-starting.ts';
import { keepStarting } from './keep-starting.ts';

const [part = '', name = '', dataDir = ''] = process.argv.slice(2);
const { spawner } = await chooseSpawner(name === 'posix' ? name : 'execa');
const startOne = part === 'backend' ? throughBackend(spawner) : alone(spawner);
for await (const line of createInterface(process.stdin)) {
  const starts = await keepStarting(startOne, parseOrder(line), cpuSeconds);
  process.stdout.write(`${JSON.stringify(starts)}\n`);
}
process.exit();

function alone(by: Spawner): StartOne {
  const { PATH = '' } = process.env;
  const common = { arg0: undefined, cwd: '/', env: { PATH }, pipeStdin: false, terminal: null };
  return async (argv, onOutput) => {
    const child = await by.spawn({ argv, ...common });
    const ends = [...child.outputs.values()].map((output) => {
      output.on('data', onOutput);
      return once(output, 'close');
    });
    await Promise.all([child.exit, ...ends]);
  };
}

function throughBackend(by: Spawner): StartOne {
  const config = loadConfig({ PROCESSION_DATA_DIR: dataDir });
  const log = pino({ level: 'silent' });
  // As `main.ts` passes it: to read `process.env` itself asks the C library each time.
  const backend = createBackend(
    config,
    { ...process.env },
    { log, observer: new Metrics(), spawner: by },
  );
  return async (argv, onOutput) => {
    const started = await backend.start({ argv });
    const subscription = await started.process.subscribeEvents({ after_seq: 0, from: 'retained' });
    if (subscription.kind !== 'stream') throw new Error(`expected a stream: ${subscription.kind}`);
    for (;;) {
      const events = await subscription.stream.next(60_000);
      if (events === null) return;
      if (events.some(({ type }) => type === 'output')) onOutput();
    }
  };
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function parseOrder(line: string): Order {
  const value: unknown = JSON.parse(line);
  if (isOrder(value)) return value;
  throw new Error(`unexpected order: ${line}`);
}

function isOrder(value: unknown): value is Order {
  return typeof value === 'object' && value !== null && 'argv' in value && 'inFlight' in value;
}
