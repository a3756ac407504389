import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { lockDirectory } from '../../../src/engine/files/directory-lock.ts';

function directory(): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'procession-lock-'));
  onTestFinished(() => {
    rmSync(dir, { recursive: true });
  });
  return dir;
}

test('a directory that is taken is refused with a sentence that names it', () => {
  const dir = directory();
  const lock = lockDirectory(dir);
  onTestFinished(() => {
    lock.close();
  });
  expect(() => lockDirectory(dir)).toThrow(
    `the data directory ${dir} is in use by another service`,
  );
});

test('a directory that was let go can be taken again', () => {
  const dir = directory();
  lockDirectory(dir).close();
  expect(() => {
    lockDirectory(dir).close();
  }).not.toThrow();
});

test('a directory that cannot be locked for another reason says which', () => {
  const dir = directory();
  mkdirSync(path.join(dir, 'lock-journal'));
  writeFileSync(path.join(dir, 'lock'), 'no database, but long enough for one\n'.repeat(40));
  expect(() => lockDirectory(dir)).toThrow(`the data directory ${dir} cannot be used: Error: `);
});
