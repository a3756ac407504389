// Many readers of one stream: node readers.js <url> <count>
// Prints a line when all are connected, and one with what they saw at the end.
import type { IncomingMessage } from 'node:http';
import { createHash } from 'node:crypto';
import { buffersOf, call } from '../client.ts';
import { quantile } from '../report.ts';

const [url = '', count = '1'] = process.argv.slice(2);
/** One delay of so many is kept. */
const sampled = 16;
const delaysMs: number[] = [];
let seen = 0;
const responses = await Promise.all(Array.from({ length: Number(count) }, () => call(url)));
console.log(JSON.stringify({ connected: responses.length }));
const readers = await Promise.all(responses.map(read));
console.log(
  JSON.stringify({
    hashes: [...new Set(readers.map(({ hash }) => hash))],
    complete: readers.filter(({ isComplete }) => isComplete).length,
    lines: readers.reduce((sum, { lines }) => sum + lines, 0),
    delayMs: { p50: quantile(delaysMs, 0.5), p99: quantile(delaysMs, 0.99) },
  }),
);

async function read(response: IncomingMessage) {
  const hash = createHash('sha256');
  let isComplete = true;
  let lines = 0;
  let rest = '';
  try {
    for await (const piece of buffersOf(response)) {
      hash.update(piece);
      const now = process.hrtime.bigint();
      const stamps = (rest + piece.toString('latin1')).split('@');
      rest = stamps.pop() ?? '';
      for (const stamp of stamps) lines += note(stamp, now);
      if (rest.includes(';')) lines += note(rest, now);
      rest = rest.includes(';') ? '' : rest;
    }
  } catch {
    isComplete = false;
  }
  return { hash: hash.digest('hex'), isComplete, lines };
}

/** Counts what follows an `@` if it is a time and its end. */
function note(stamp: string, now: bigint): 0 | 1 {
  const nanoseconds = /^(\d{1,19});/.exec(stamp)?.[1];
  if (nanoseconds === undefined) return 0;
  seen += 1;
  if (seen % sampled === 0) delaysMs.push(Number(now - BigInt(nanoseconds)) / 1e6);
  return 1;
}
