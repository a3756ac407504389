import { closeSync, constants, openSync } from 'node:fs';
import { Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import type { TerminalSize } from '../../exec-types.ts';
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
  const master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
  try {
    return withMaster(libc, master, size);
  } catch (error) {
    closeSync(master);
    throw error;
  }
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
      void exit.then(() => {
        closeSync(held);
      });
      const stream = new ReadStream(master).on('error', ignore);
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

/** A stream of its own, so that the end of the input does not end the output. */
function inputOf(libc: Libc, master: ReadStream, fd: number): ChildStdin {
  const stream = new Writable({
    highWaterMark: 0,
    write(chunk: Buffer, _encoding, done) {
      master.write(chunk, done);
    },
  });
  return {
    stream: stream.on('error', ignore),
    hasReader: () => !master.destroyed,
    endOfFile: () => Buffer.of(master.destroyed ? endOfFileDefault : endOfFile(libc, fd)),
  };
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
