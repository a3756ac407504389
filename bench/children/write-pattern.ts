// Writes a pattern to stdout: node write-pattern.js <pattern> <bytes> [now]
// Without `now` it begins when its stdin ends.
import { readFileSync, writeSync } from 'node:fs';
import type { PatternName } from '../patterns.ts';
import { blocksOf } from '../patterns.ts';

const [name = '', bytes = '0', when = ''] = process.argv.slice(2);

if (when !== 'now') readFileSync(0);
for (const block of blocksOf(patternName(name), Number(bytes))) {
  for (let done = 0; done < block.length;) done += writeSync(1, block, done);
}

function patternName(text: string): PatternName {
  if (text === 'noise' || text === 'zeros' || text === 'text') return text;
  throw new Error(`expected a pattern, got ${text}`);
}
