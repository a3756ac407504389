import { follow, page } from './follow.ts';
import type { Visitor } from './visitor.ts';
import { readUpTo } from './visitor.ts';

/** One thing that a client does with a service, from a start to an end. */
type Action = (visitor: Visitor) => Promise<void>;

const plain = { accept: 'text/plain' };

async function runShort(visitor: Visitor): Promise<void> {
  for (const argv of [['true'], ['echo', 'hi'], ['sh', '-c', 'exit 3'], ['sh', '-c', 'kill $$']]) {
    const body = { argv, retention_ms: 0 };
    await visitor.ask('/processes', { body, headers: plain });
  }
}

async function runOnTerminal(visitor: Visitor): Promise<void> {
  const body = { argv: ['sh', '-c', 'stty size; echo done'], tty: true, retention_ms: 0 };
  const text = await visitor.ask('/processes', { body, headers: plain });
  if (!text.includes('done')) throw new Error(`the terminal said ${text}`);
}

/** Slow lines, and readers of every kind that come, are cut, come again and go. */
async function readTogether(visitor: Visitor): Promise<void> {
  const script = 'for ((i = 0; i < 40; i++)); do echo "line $i"; read -t 0.01; done';
  const process = await visitor.start({ argv: ['bash', '-c', script], pipe_stdin: true });
  await Promise.all([
    follow(visitor, process, { format: 'sse', cuts: 3 }),
    follow(visitor, process, { format: 'ndjson', cuts: 2 }),
    page(visitor, process),
    visitor.open(`${process}/wake?format=sse`).then((wake) => readUpTo(wake, Infinity)),
    visitor.open(`${process}/output?format=raw&follow=true`).then((raw) => readUpTo(raw, 50)),
    visitor.abandon(`${process}/events?after_seq=0`, {}, 50),
    visitor.abandon(`${process}/wake?after_seq=1000&wait_ms=60000`),
  ]);
}

/** More than one segment and more than a socket holds, also for one that reads nothing. */
async function readMuch(visitor: Visitor): Promise<void> {
  const process = await visitor.start({ argv: ['head', '-c', '6000000', '/dev/zero'] });
  const silent = await visitor.open(`${process}/output?format=raw&follow=true`);
  await Promise.all([
    follow(visitor, process, { format: 'sse', cuts: 2 }),
    follow(visitor, process, { format: 'ndjson', cuts: 1 }),
  ]);
  silent.destroy();
  await visitor.ask(process, { method: 'DELETE' });
}

async function writeInput(visitor: Visitor): Promise<void> {
  const process = await visitor.start({ argv: ['cat'], pipe_stdin: true });
  const stdin = `${process}/stdin`;
  const write = { text: 'once\n', write_id: 'w1' };
  await visitor.ask(stdin, { body: write });
  await visitor.ask(stdin, { body: write });
  await visitor.abandon(stdin, { body: 'cut\n' });
  await visitor.abandon(`${process}/output?after_seq=1000&wait_ms=60000`);
  await visitor.ask(stdin, { body: 'x'.repeat(100_000) });
  await visitor.ask(stdin, { body: { eof: true } });
  const text = await visitor.ask(`${process}/output?format=text&follow=true`);
  if (text.split('once\n').length !== 2) throw new Error('a write came not once');
}

async function terminateTree(visitor: Visitor): Promise<void> {
  const argv = ['sh', '-c', 'trap "" TERM; sleep 1000 & wait'];
  const process = await visitor.start({ argv });
  await visitor.ask(`${process}/signal`, { body: { signal: 'SIGCONT' } });
  const answer = await visitor.ask(`${process}/terminate`, {
    body: { grace_ms: 50, wait_ms: 10_000 },
  });
  if (!answer.includes('"survivors":[]')) throw new Error(`somebody survived: ${answer}`);
}

async function removeRunning(visitor: Visitor): Promise<void> {
  const process = await visitor.start({ argv: ['sleep', '1000'] });
  const following = follow(visitor, process, { format: 'sse', cuts: 0 });
  await visitor.abandon(`${process}/wake?format=sse`);
  await visitor.ask(`${process}?force=true`, { method: 'DELETE' });
  await following;
}

async function runOutOfTime(visitor: Visitor): Promise<void> {
  const process = await visitor.start({ argv: ['sleep', '1000'], timeout_ms: 100 });
  await follow(visitor, process, { format: 'ndjson', cuts: 1 });
}

/** All that clients do, each a few times a second or more. */
export const actions: readonly Action[] = [
  runShort,
  readTogether,
  runShort,
  writeInput,
  runOnTerminal,
  terminateTree,
  runShort,
  removeRunning,
  readMuch,
  runOutOfTime,
];
