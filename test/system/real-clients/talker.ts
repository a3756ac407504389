// A child that talks: numbered lines of text to stdout and of bytes that are no text to stderr, in
// turn and slowly enough that each becomes an event of its own, in bursts with pauses. Begins at
// the first byte of stdin, ends at its end or at SIGTERM, then leaves in a file what it wrote.
import { createHash } from 'node:crypto';
import { writeFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const [, , reportFile = ''] = process.argv;
const linesPerBurst = 300;
const gapMs = 0.1;
const pauseMs = 40;
const notText = Buffer.from([0xff, 0x00, 0x0a]);

const hashes = { stdout: createHash('sha256'), stderr: createHash('sha256') };
const clock = new Int32Array(new SharedArrayBuffer(4));
const over = new AbortController();
let lines = 0;

const begun = new Promise((resolve) => process.stdin.once('data', resolve));
const finish = (): void => {
  over.abort();
};
process.stdin.once('end', finish);
process.once('SIGTERM', finish);

await begun;
while (!over.signal.aborted) {
  burst();
  await sleep(pauseMs);
}
burst();
const digests = { stdout: hashes.stdout.digest('hex'), stderr: hashes.stderr.digest('hex') };
writeFileSync(reportFile, JSON.stringify(digests));
process.exit(0);

function burst(): void {
  for (let line = 0; line < linesPerBurst; line += 1) {
    lines += 1;
    say('stdout', Buffer.from(`stdout ${lines}: grüße, 世界 \u{1f680}\n`));
    say('stderr', Buffer.concat([Buffer.from(`stderr ${lines}`), notText]));
  }
}

function say(stream: 'stdout' | 'stderr', bytes: Buffer): void {
  hashes[stream].update(bytes);
  const fd = stream === 'stdout' ? 1 : 2;
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(written(fd, rest));
  Atomics.wait(clock, 0, 0, gapMs);
}

/** How many bytes went out: none when the pipe is full, which Node may have made an error. */
function written(fd: number, bytes: Buffer): number {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    Atomics.wait(clock, 0, 0, 1);
    return 0;
  }
}
