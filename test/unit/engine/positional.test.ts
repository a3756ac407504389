import type * as Fs from 'node:fs';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { readExactly } from '../../../src/engine/files/positional.ts';
import { openFiles, temporaryDirectory } from './fixtures.ts';

const disk = vi.hoisted(() => ({ readBytesMax: Infinity, bytesLeft: Infinity }));

/** A disk that gives less than it is asked for, and files that somebody cuts while they are read. */
vi.mock('node:fs', async (importOriginal) => {
  const original = await importOriginal<typeof Fs>();
  return {
    ...original,
    readSync: (
      fd: number,
      bytes: Buffer,
      ...[offset, length, position]: [number, number, number]
    ) => {
      const given = Math.min(length, disk.readBytesMax, disk.bytesLeft);
      disk.bytesLeft -= given;
      return given === 0 ? 0 : original.readSync(fd, bytes, offset, given, position);
    },
  };
});

beforeEach(() => {
  Object.assign(disk, { readBytesMax: Infinity, bytesLeft: Infinity });
});

/** A file of ten digits in a directory of its own. */
function digits(): { readonly directory: string; readonly path: string } {
  const directory = temporaryDirectory();
  const path = join(directory, 'digits');
  writeFileSync(path, '0123456789');
  return { directory, path };
}

test.each([
  [0, 10, '0123456789'],
  [3, 4, '3456'],
  [10, 0, ''],
])('from %i on %i bytes are %j, however few come at a time', (position, length, text) => {
  const { directory, path } = digits();
  disk.readBytesMax = 1;
  expect(readExactly(path, position, length).toString()).toBe(text);
  expect(openFiles(directory)).toEqual([]);
});

test.each([
  [0, 11],
  [9, 2],
  [11, 0],
  [5, -1],
])('from %i on %i bytes are not there, which names the file and the offset', (position, length) => {
  const { directory, path } = digits();
  const message = `damaged log: ${path} does not hold what is expected at offset ${position}`;
  expect(() => readExactly(path, position, length)).toThrow(message);
  expect(openFiles(directory)).toEqual([]);
});

test('a file that is cut while it is read is damaged, and is closed', () => {
  const { directory, path } = digits();
  disk.bytesLeft = 6;
  const message = `damaged log: ${path} does not hold what is expected at offset 2`;
  expect(() => readExactly(path, 2, 8)).toThrow(message);
  expect(openFiles(directory)).toEqual([]);
});
