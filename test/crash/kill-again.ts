// Kills a service again and again at random points under a mixed load, and counts what it broke:
// node test/crash/kill-again.ts --kills 200 --seed 1
import { parseArgs } from 'node:util';
import { Campaign } from './campaign.ts';

const linesPerCheck = 5;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
  },
});
const killsMax = Number(values.kills);
const campaign = new Campaign(Number(values.seed));
const { figures } = campaign;
try {
  for (let nextLine = 20; figures.kills < killsMax;) {
    await campaign.round();
    if (figures.kills < nextLine) continue;
    console.log(lineOf());
    nextLine += 20;
  }
} finally {
  await campaign.close();
}
printViolations();
console.log(lineOf());
process.exit(figures.violations.length === 0 ? 0 : 1);

function lineOf(): string {
  const { violations, ...counts } = figures;
  const texts = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return `${texts.join(', ')}, violations ${violations.length}`;
}

function printViolations(): void {
  const byCheck = Object.groupBy(figures.violations, ({ check }) => check);
  for (const [check, all = []] of Object.entries(byCheck)) {
    console.log(`${check}: ${all.length}`);
    for (const { when, key, detail } of all.slice(0, linesPerCheck)) {
      console.log(`  ${when}, ${key}: ${detail}`);
    }
  }
}
