import type * as Fs from 'node:fs';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { readUpTo } from '../../../src/engine/files/logs/positional.ts';
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
  expect(readUpTo(path, position, length).toString()).toBe(text);
  expect(openFiles(directory)).toEqual([]);
});

test.each([
  [0, 11, '0123456789'],
  [9, 2, '9'],
  [11, 5, ''],
])('from %i on as many of %i bytes come as there are: %j', (position, length, text) => {
  const { directory, path } = digits();
  expect(readUpTo(path, position, length).toString()).toBe(text);
  expect(openFiles(directory)).toEqual([]);
});

test('a file that is cut while it is read gives what was left, and is closed', () => {
  const { directory, path } = digits();
  disk.bytesLeft = 6;
  expect(readUpTo(path, 2, 8).toString()).toBe('234567');
  expect(openFiles(directory)).toEqual([]);
});

test('a file that is not there is empty', () => {
  expect(readUpTo(join(temporaryDirectory(), 'none'), 0, 8)).toEqual(Buffer.alloc(0));
});

test('what is no file is empty', () => {
  const { path } = digits();
  expect(readUpTo(temporaryDirectory(), 0, 8)).toEqual(Buffer.alloc(0));
  expect(readUpTo(join(path, 'below'), 0, 8)).toEqual(Buffer.alloc(0));
});

test('what cannot be read for another reason is an error', () => {
  expect(() => readUpTo('x'.repeat(5000), 0, 8)).toThrow('ENAMETOOLONG');
});
