// Writes lines at a steady rate, from the end of its stdin on, each with the monotonic clock
// in nanoseconds: node write-lines.js <count> <lines per second>
import { readFileSync, writeSync } from 'node:fs';

const count = Number(process.argv[2]);
const perSecond = Number(process.argv[3]);
readFileSync(0);
const startedAt = performance.now();
let written = 0;
const timer = setInterval(() => {
  const due = Math.min(count, ((performance.now() - startedAt) / 1000) * perSecond);
  for (; written < due; written += 1) {
    writeSync(1, `line ${written.toString().padStart(9, '0')} @${process.hrtime.bigint()};\n`);
  }
  if (written >= count) clearInterval(timer);
}, 1);
