import { describe, expect, it } from 'vitest';
import { Sequence } from '../../../src/client/sequence.ts';
import type { StreamEvent } from '../../../src/log/event.ts';

function output(seq: number): StreamEvent {
  return { type: 'output', seq, stream: 'stdout', chunk: Buffer.from('x') };
}

function gap(from_seq: number, to_seq: number): StreamEvent {
  return { type: 'gap', from_seq, to_seq, bytes: 1 };
}

const hole: unknown = expect.objectContaining({ code: 'internal_error' });

describe('a sequence', () => {
  it('lets each event through once', () => {
    const sequence = new Sequence(0);
    const passed = [1, 2, 2, 1, 3].map((seq) => sequence.accept(output(seq)));
    expect(passed).toEqual([true, true, false, false, true]);
    expect(sequence.cursor).toBe(3);
  });

  it('throws at a hole', () => {
    const sequence = new Sequence(3);
    expect(() => sequence.accept(output(5))).toThrow(hole);
    expect(sequence.cursor).toBe(3);
  });

  it('goes on after a gap that explains the hole', () => {
    const sequence = new Sequence(3);
    expect([gap(4, 9), gap(4, 9), output(9), output(10)].map((e) => sequence.accept(e))).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it.each([gap(5, 9), gap(3, 9)])('throws at a gap that begins elsewhere: %j', (event) => {
    expect(() => new Sequence(3).accept(event)).toThrow(hole);
  });

  it('without a cursor begins anywhere, and a gap before that is none', () => {
    const fresh = new Sequence(null);
    expect([fresh.cursor, fresh.accept(output(41)), fresh.cursor]).toEqual([null, true, 41]);
    const evicted = new Sequence(null);
    expect([evicted.accept(gap(1, 40)), evicted.accept(output(41))]).toEqual([false, true]);
    expect(() => evicted.accept(output(43))).toThrow(hole);
  });

  it('lets events without a number through', () => {
    const sequence = new Sequence(3);
    expect(sequence.accept({ type: 'lagged', after_seq: 3 })).toBe(true);
    expect(sequence.accept({ type: 'draining' })).toBe(true);
    expect(sequence.cursor).toBe(3);
  });
});
