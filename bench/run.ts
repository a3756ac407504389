// Runs the load proofs and the comparisons: node bench/run.ts [name of a case]...
// Exits with 1 when a criterion does not hold.
import { comparisons } from './compare/index.ts';
import { loadCases } from './load/index.ts';
import type { Result } from './report.ts';
import { printLines, printTable } from './report.ts';
import { build } from './servers.ts';

const cases = [...loadCases, ...comparisons];
const names = process.argv.slice(2);
const unknown = names.filter((name) => cases.every((known) => known.name !== name));
if (unknown.length > 0) {
  console.error(
    `unknown: ${unknown.join(', ')}; known: ${cases.map(({ name }) => name).join(', ')}`,
  );
  process.exit(2);
}

using built = build();
const chosen = names.length === 0 ? cases : cases.filter(({ name }) => names.includes(name));
const tables: [string, readonly Result[]][] = [];
for (const { name, title, run } of chosen) {
  const results = await run(built);
  printLines(name, results);
  tables.push([`${name}: ${title}`, results]);
}
for (const [title, results] of tables) printTable(title, results);
const broken = tables.flatMap(([, results]) => results).filter(({ holds }) => holds === false);
if (broken.length > 0) process.exitCode = 1;
