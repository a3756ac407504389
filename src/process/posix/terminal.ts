import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { ProcessionError } from '../../errors.ts';
import type { TerminalSize } from '../../exec-types.ts';
import { errnoOf } from '../errno.ts';
import type { ChildStdin } from '../spawner.ts';
import type { Libc } from './libc.ts';
import { systemError } from './libc.ts';
import type { StandardStreams } from './standard-streams.ts';

// See ioctls.h and termbits.h of Linux.
const getNumber = 0x8004_5430;
const setSize = 0x5414;
const attributesBytes = 60;
const endOfFileAt = 17 + 4;
const endOfFileDefault = 4;

/**
 * A new terminal. Our end of the child's side stays open until the child has exited: else a
 * child that lets go of its terminal for a moment would end the output.
 */
export function openTerminal(libc: Libc, size: TerminalSize): StandardStreams {
  const flags = constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK;
  try {
    const master = openSync('/dev/ptmx', flags);
    try {
      return withMaster(libc, master, size);
    } catch (error) {
      closeSync(master);
      throw error;
    }
  } catch (cause) {
    throw terminalError(cause);
  }
}

/** Not what an error of the program would be: the host has no terminals, or none left. */
function terminalError(cause: unknown): ProcessionError {
  const errno = errnoOf(cause) ?? 'unknown reason';
  const isUsedUp = ['ENOSPC', 'EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EIO'].includes(errno);
  if (isUsedUp) {
    return new ProcessionError('resources_exhausted', `the host has no terminal left (${errno})`, {
      errno,
      cause,
    });
  }
  const detail = `tty needs /dev/ptmx and /dev/pts, which this host does not give (${errno})`;
  return new ProcessionError('unsupported', detail, { member: 'tty', cause });
}

function withMaster(libc: Libc, master: number, size: TerminalSize): StandardStreams {
  if (libc.unlockTerminal(master) !== 0) throw systemError(libc.errno(), 'unlockpt');
  if (!resize(libc, master, size)) throw systemError(libc.errno(), 'ioctl');
  const path = `/dev/pts/${numberOf(libc, master)}`;
  const held = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
  const slave = { path, flags: constants.O_RDWR };
  return {
    // Opened by the leader of a session that has none, it becomes its controlling terminal.
    descriptors: [slave, slave, slave],
    discard() {
      closeSync(held);
      closeSync(master);
    },
    keep(exit) {
      const stream = new ReadStream(master).on('error', ignore);
      void exit.then(() => {
        closeSync(held);
      });
      return {
        stdin: inputOf(libc, stream, master),
        outputs: new Map([['pty', stream]]),
        terminal: { resize: (asked) => !stream.destroyed && resize(libc, master, asked) },
      };
    },
  };
}

function numberOf(libc: Libc, master: number): number {
  const number = Buffer.alloc(4);
  if (libc.ioctl(master, getNumber, number) !== 0) throw systemError(libc.errno(), 'ioctl');
  return number.readUInt32LE();
}

function resize(libc: Libc, master: number, { rows, cols }: TerminalSize): boolean {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(cols, 2);
  return libc.ioctl(master, setSize, size) === 0;
}

/**
 * A stream of its own, so that the end of the input does not end the output. It writes by
 * itself: libuv would wait for a terminal that nobody reads, and everybody else with it.
 */
function inputOf(libc: Libc, master: ReadStream, fd: number): ChildStdin {
  let retry: NodeJS.Timeout | undefined;
  const write = (rest: Buffer, pauseMs: number, done: (error?: Error) => void): void => {
    const written = master.destroyed ? null : writeSome(fd, rest);
    if (written === null) done(new Error('the terminal is closed'));
    else if (written === rest.length) done();
    else {
      const nextMs = written > 0 ? retryMsMin : Math.min(pauseMs * 2, retryMsMax);
      retry = setTimeout(write, pauseMs, rest.subarray(written), nextMs, done);
    }
  };
  const stream = new Writable({
    highWaterMark: 0,
    write(chunk: Buffer, _encoding, done) {
      write(chunk, retryMsMin, done);
    },
    destroy(error, done) {
      clearTimeout(retry);
      done(error);
    },
  });
  return {
    stream: stream.on('error', ignore),
    hasReader: () => !master.destroyed,
    endOfFile: () => Buffer.of(master.destroyed ? endOfFileDefault : endOfFile(libc, fd)),
  };
}

/** How often a full terminal is tried again; nothing tells when it has room. */
const retryMsMin = 2;
const retryMsMax = 50;

/** How many bytes the terminal takes now; null when it is gone. */
function writeSome(fd: number, bytes: Buffer): number | null {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    return errnoOf(error) === 'EAGAIN' ? 0 : null;
  }
}

/** The character that the terminal is set to take for an end of file. */
function endOfFile(libc: Libc, fd: number): number {
  const attributes = Buffer.alloc(attributesBytes);
  const isKnown = libc.getAttributes(fd, attributes) === 0;
  const character = isKnown ? attributes.readUInt8(endOfFileAt) : 0;
  return character === 0 ? endOfFileDefault : character;
}

function ignore(): void {
  // Whoever reads or writes meets the same event.
}
