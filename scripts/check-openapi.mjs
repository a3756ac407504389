// The committed OpenAPI documents must be what the route schemas say today.
// Nothing is left changed: a stale document is put back and the run fails.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';

const FOLDER = 'openapi';

const committed = documents();
generate();
const stale = [...documents()].filter(([name, text]) => committed.get(name) !== text);
for (const [name] of stale) putBack(name);
if (stale.length > 0) {
  const names = stale.map(([name]) => `${FOLDER}/${name}`).join(', ');
  fail(`${names} is not what the routes say: run "npm run openapi:generate" and commit the result`);
}

function generate() {
  const { status } = spawnSync('node', [`${FOLDER}/generate.ts`], { stdio: 'inherit' });
  if (status !== 0) fail(`${FOLDER}/generate.ts failed`);
}

function putBack(name) {
  if (committed.has(name)) writeFileSync(`${FOLDER}/${name}`, committed.get(name));
  else rmSync(`${FOLDER}/${name}`);
}

function documents() {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
  return new Map(names.map((name) => [name, readFileSync(`${FOLDER}/${name}`, 'utf8')]));
}

function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}
