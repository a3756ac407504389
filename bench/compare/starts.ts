import { compileC, missingCompiler } from '../starts/c-program.ts';
import type { Order, Starts } from '../starts/keep-starting.ts';
import type { SpawnerName, Way } from '../starts/ways.ts';
import { inC, inProcess, overHttp, serviceOf } from '../starts/ways.ts';
import { rssBytes } from '../proc.ts';
import type { Case, Result } from '../report.ts';
import { figure, medianAtLeast, quantile, spread } from '../report.ts';
import type { Build } from '../servers.ts';
import { rounds } from './rounds.ts';

const measureMs = 1500;
const warmUpMs = 500;

export const starts: Case = {
  name: 'starts',
  title: 'starts per second and start to first output, beside a loop of posix_spawn in C',
  async run(build) {
    const missing = missingCompiler();
    if (missing !== null) return [missing];
    using loop = compileC('spawn-loop');
    const results: Result[] = [];
    for (const size of sizes) results.push(...(await atSize(build, loop.file, size)));
    return results;
  },
};

interface Size {
  readonly label: string;
  /** How large the C loop is made, and by how much the others, which have a size of their own. */
  readonly loopBytes: number;
  readonly ballastBytes: number;
}

const sizes: readonly Size[] = [
  { label: 'small', loopBytes: 60e6, ballastBytes: 0 },
  { label: '1 GB', loopBytes: 1000e6, ballastBytes: 930e6 },
];

const spawners: readonly SpawnerName[] = ['posix', 'execa'];

/** What is measured of each way, and of which; the first one is what all are compared with. */
const plans: readonly { readonly label: string; readonly order: Order; readonly http: boolean }[] =
  [
    {
      label: '8 in flight',
      order: { argv: ['/bin/true'], inFlight: 8, ms: measureMs },
      http: false,
    },
    {
      label: '32 in flight',
      order: { argv: ['/bin/true'], inFlight: 32, ms: measureMs },
      http: true,
    },
    {
      label: 'one at a time',
      order: { argv: ['/bin/echo', 'hi'], inFlight: 1, ms: measureMs },
      http: true,
    },
  ];

/** A way by its name, and the part of the C loop's rate that it must reach. */
interface Named {
  readonly name: string;
  readonly way: Way;
  readonly isHttp: boolean;
  readonly ratioMin: number | null;
}

async function atSize(build: Build, loop: string, size: Size): Promise<Result[]> {
  await using open = new AsyncDisposableStack();
  const { label, loopBytes, ballastBytes } = size;
  const ways: Named[] = [{ name: 'C', way: inC(loop, loopBytes), isHttp: false, ratioMin: null }];
  for (const spawner of spawners) {
    const ratioMin = (least: number): number | null => (spawner === 'posix' ? least : null);
    for (const part of ['spawner', 'backend'] as const) {
      const way = open.use(inProcess(build, { part, spawner, bytes: ballastBytes }));
      const least = part === 'backend' ? ratioMin(0.7) : null;
      ways.push({ name: `${spawner} ${part}`, way, isHttp: false, ratioMin: least });
    }
    const way = overHttp(open.use(await serviceOf(build, spawner, ballastBytes)));
    ways.push({ name: `${spawner} HTTP`, way, isHttp: true, ratioMin: ratioMin(0.5) });
  }
  for (const { way } of ways) {
    await way.run({ argv: ['/bin/true'], inFlight: 32, ms: warmUpMs });
  }
  const rssBefore = rssOf(ways);
  const results = [];
  for (const { label: plan, order, http } of plans) {
    const measured = await inRounds(
      ways.filter(({ isHttp }) => http || !isHttp),
      order,
    );
    const isRate = order.inFlight > 1;
    results.push(...(isRate ? rates : delays)(`${label}, ${plan}`, measured));
  }
  return [...rssFigures(label, rssBefore, rssOf(ways)), ...results];
}

type Measured = readonly { readonly named: Named; readonly runs: readonly Starts[] }[];

/** All in turn, then all again. */
async function inRounds(ways: readonly Named[], order: Order): Promise<Measured> {
  const measured = ways.map((named) => ({ named, runs: [] as Starts[] }));
  for (let round = 0; round < rounds; round += 1) {
    for (const { named, runs } of measured) runs.push(await named.way.run(order));
  }
  return measured;
}

/** Resident megabytes by name. */
function rssOf(ways: readonly Named[]): ReadonlyMap<string, number> {
  return new Map(
    ways.flatMap(({ name, way: { pid } }) => (pid === null ? [] : [[name, rssBytes(pid) / 1e6]])),
  );
}

function rssFigures(
  label: string,
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Result[] {
  return [...before].map(([name, megabytes]) => {
    const value = `${megabytes.toFixed(0)} to ${after.get(name)?.toFixed(0) ?? '?'}`;
    return figure(`${label}: ${name}, RSS`, value, 'MB');
  });
}

function rates(label: string, measured: Measured): Result[] {
  const base = measured[0]?.runs.map(perSecond) ?? [];
  return measured.flatMap(({ named: { name, ratioMin }, runs }, index) => {
    const mine = runs.map(perSecond);
    const cpuMs = runs.map(({ cpuSeconds, starts: count }) => (cpuSeconds * 1000) / count);
    const figures = [
      figure(`${label}: ${name}, starts/s`, spread(mine)),
      figure(`${label}: ${name}, CPU ms each`, spread(cpuMs)),
    ];
    return index === 0 ? figures : [...figures, part(`${label}: ${name}, part of C`)];

    function part(title: string): Result {
      const ratios = mine.map((value, round) => value / (base[round] ?? Number.NaN));
      return ratioMin === null
        ? figure(title, spread(ratios))
        : medianAtLeast(title, ratios, ratioMin);
    }
  });
}

function perSecond({ starts: count, seconds }: Starts): number {
  return count / seconds;
}

function delays(label: string, measured: Measured): Result[] {
  return measured.flatMap(({ named: { name }, runs }) =>
    [0.5, 0.99].map((portion) => {
      const values = runs.map(({ firstOutputMs }) => quantile(firstOutputMs, portion));
      return figure(`${label}: ${name}, first output p${portion * 100} ms`, spread(values));
    }),
  );
}
