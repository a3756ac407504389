import { describe, expect, test } from 'vitest';
import { allocate, free, freeChunks, own } from '../../../src/log/memory.ts';

/** The least that is worth giving back. */
const much = 16 * 1024;

test.each([
  [much - 1, much - 1],
  [much, 0],
  [much + 1, 0],
])('of %i allocated bytes %i are left when they are freed', (length, left) => {
  const bytes = allocate(length);
  expect(bytes.length).toBe(length);
  free([bytes]);
  expect(bytes.length).toBe(left);
});

test('the parts of freed memory are empty too', () => {
  const bytes = allocate(much);
  const part = bytes.subarray(1, 5);
  free([bytes]);
  expect([part.length, part.toString()]).toEqual([0, '']);
});

test('memory is freed by any of its parts, and once', () => {
  const bytes = allocate(much);
  free([bytes.subarray(7, 9), bytes, bytes.subarray(1)]);
  expect(bytes.length).toBe(0);
});

test('memory that nobody made freeable stays', () => {
  const bytes = Buffer.allocUnsafeSlow(much).fill('a');
  free([bytes]);
  expect(bytes.toString()).toBe('a'.repeat(much));
});

describe('owning', () => {
  test('makes a whole buffer freeable and gives it back', () => {
    const bytes = Buffer.allocUnsafeSlow(much);
    expect(own(bytes)).toBe(bytes);
    free([bytes]);
    expect(bytes.length).toBe(0);
  });

  test('leaves a part of shared memory alone', () => {
    const shared = Buffer.allocUnsafeSlow(2 * much);
    const part = own(shared.subarray(much));
    free([part]);
    expect([part.length, shared.length]).toEqual([much, 2 * much]);
  });
});

test('of events the chunks are freed', () => {
  const chunk = allocate(much);
  const exit = { exit_code: 0, signal: null, exit_reason: 'exited' } as const;
  freeChunks([
    { type: 'output', seq: 1, stream: 'stdout', chunk },
    { type: 'exited', seq: 2, ...exit },
  ]);
  expect(chunk.length).toBe(0);
});
