import { closeSync, constants } from 'node:fs';
import { Socket } from 'node:net';
import type { ChildStdin } from '../spawner.ts';
import type { Libc } from './libc.ts';
import { systemError } from './libc.ts';
import type { StandardStreams } from './standard-streams.ts';

/** A pipe whose ends no other child gets. */
interface Pipe {
  readonly readEnd: number;
  readonly writeEnd: number;
}

/** Real pipes; without `pipeStdin` an input that is at its end from the start. */
export function openPipes(libc: Libc, pipeStdin: boolean): StandardStreams {
  const [stdout, stderr, stdin = null] = openAll(libc, pipeStdin ? 3 : 2);
  return {
    descriptors: [
      stdin ? { fd: stdin.readEnd } : nullDevice,
      { fd: stdout.writeEnd },
      { fd: stderr.writeEnd },
    ],
    discard() {
      for (const pipe of [stdout, stderr, stdin]) if (pipe) closePipe(pipe);
    },
    keep() {
      const outputs = new Map([
        ['stdout' as const, readable(stdout.readEnd)],
        ['stderr' as const, readable(stderr.readEnd)],
      ]);
      const input = stdin && writable(libc, stdin.writeEnd);
      closeSync(stdout.writeEnd);
      closeSync(stderr.writeEnd);
      if (stdin) closeSync(stdin.readEnd);
      return { stdin: input, outputs, terminal: null };
    },
  };
}

const nullDevice = { path: '/dev/null', flags: constants.O_RDONLY };

/** All or none. */
function openAll(libc: Libc, count: 2 | 3): [Pipe, Pipe, Pipe?] {
  const first = openPipe(libc);
  const opened = [first];
  try {
    const second = openPipe(libc);
    opened.push(second);
    return count === 2 ? [first, second] : [first, second, openPipe(libc)];
  } catch (error) {
    for (const pipe of opened) closePipe(pipe);
    throw error;
  }
}

function openPipe(libc: Libc): Pipe {
  const ends = [0, 0];
  if (libc.pipe(ends, closeOnExec) !== 0) throw systemError(libc.errno(), 'pipe2');
  const [readEnd = -1, writeEnd = -1] = ends;
  return { readEnd, writeEnd };
}

function closePipe({ readEnd, writeEnd }: Pipe): void {
  closeSync(readEnd);
  closeSync(writeEnd);
}

/** `O_CLOEXEC` of Linux, which Node does not name. */
const closeOnExec = 0o2_000_000;

function readable(fd: number): Socket {
  return new Socket({ fd, readable: true, writable: false }).on('error', ignore);
}

function writable(libc: Libc, fd: number): ChildStdin {
  const stream = new Socket({ fd, readable: false, writable: true }).on('error', ignore);
  const entry = Buffer.alloc(pollBytes);
  entry.writeInt32LE(fd, 0);
  return {
    stream,
    // Nobody tells the writer of a pipe that its last reader has gone before it writes.
    hasReader: () => !stream.destroyed && libc.poll(entry, 1, 0) <= 0,
    endOfFile: () => null,
  };
}

/** `struct pollfd` that asks for no event, so that only an error is reported. */
const pollBytes = 8;

function ignore(): void {
  // Whoever reads or writes meets the same event.
}
