// Soaks the real service: node bench/soak/index.ts [--minutes 15]
// Exits with 1 when it has not returned to where it began.
import { parseArgs } from 'node:util';
import { printTable } from '../report.ts';
import { build } from '../servers.ts';
import { slopes, tableHead, tableRow, verdict } from './report.ts';
import { soak } from './soak.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '15' } } });
const durationMs = Number(values.minutes) * 60_000;
if (!(durationMs > 0)) {
  console.error(`--minutes must be a number above 0, not ${values.minutes}`);
  process.exit(2);
}

using built = build();
await using server = await built.service({ PROCESSION_HEARTBEAT_MS: '200' });
console.log(tableHead());
const soaked = await soak(server, {
  durationMs,
  intervalMs: Math.max(1000, durationMs / 60),
  visitors: 4,
  onSample: (sample) => {
    console.log(tableRow(sample));
  },
});
for (const failure of soaked.failures.slice(0, 20)) console.error(failure);
printTable('slopes of the second half', slopes(soaked));
const results = verdict(soaked, true);
printTable('back where it began', results);
if (results.some(({ holds }) => holds === false)) process.exitCode = 1;
