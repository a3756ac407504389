import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { SegmentedLog } from '../../../src/engine/files/logs/segmented-log.ts';
import {
  closed,
  exited,
  openFiles,
  output,
  outputs,
  pageOf,
  segmentedLog,
  temporaryDirectory,
} from './fixtures.ts';

const replay = { eventsMax: 1_000, bytesMax: 1_000_000 };
const everything = { after_seq: 0, max_bytes: 1_000_000 };

function open(retainedBytesMax: number): { directory: string; log: SegmentedLog } {
  const directory = join(temporaryDirectory(), 'log');
  return { directory, log: segmentedLog(directory, { retainedBytesMax, replay }) };
}

function segmentFiles(directory: string): string[] {
  return readdirSync(directory).filter((name) => name !== 'index');
}

describe('a new segment', () => {
  test.each([
    { bytes: 9, segments: 1 },
    { bytes: 10, segments: 2 },
    { bytes: 11, segments: 2 },
  ])('begins after 10 bytes, a 16th of the bound: $bytes bytes', ({ bytes, segments }) => {
    const { directory, log } = open(160);
    log.append([output(1, bytes)]);
    log.append([output(2, 1)]);
    expect(segmentFiles(directory)).toHaveLength(segments);
  });

  test('begins within an append as between two', () => {
    const { directory, log } = open(160);
    log.append(outputs([9, 5, 1, 12, 1]));
    expect(log.layout.segments).toEqual([
      { first_seq: 1, base_bytes: 0 },
      { first_seq: 3, base_bytes: 14 },
      { first_seq: 5, base_bytes: 27 },
    ]);
    expect(pageOf(directory, log.layout, everything).events).toEqual(outputs([9, 5, 1, 12, 1]));
  });

  test('begins with each event when the bound is smaller than 16 bytes', () => {
    const { directory, log } = open(15);
    log.append(outputs([1, 1, 1]));
    expect(segmentFiles(directory)).toHaveLength(3);
  });

  test('never begins with the exit or the close', () => {
    const { log } = open(16);
    log.append([output(1, 5), exited(2), closed(3)]);
    expect(log.layout.segments).toEqual([{ first_seq: 1, base_bytes: 0 }]);
  });

  test('tells its first seq, the bytes before it, and its log', () => {
    const { directory, log } = open(160);
    log.append(outputs([300, 1]));
    const header = readFileSync(join(directory, '0000000000000002.log')).subarray(0, 24);
    expect(header.toString('hex')).toBe(
      '50524332' + '0aa98f0b' + '020000000000' + '2c0100000000' + 'c5683f8f',
    );
  });
});

describe('eviction', () => {
  test.each([
    { last: 9, first_retained_seq: 1, retained_bytes: 159, evicted_bytes: 0 },
    { last: 10, first_retained_seq: 1, retained_bytes: 160, evicted_bytes: 0 },
    { last: 11, first_retained_seq: 2, retained_bytes: 151, evicted_bytes: 10 },
  ])('takes the oldest segment above 160 bytes: 150 and $last', ({ last, ...head }) => {
    const { directory, log } = open(160);
    log.append(outputs(Array.from({ length: 15 }, () => 10)));
    expect(log.append([output(16, last)])).toEqual({
      last_seq: 16,
      first_replay_seq: head.first_retained_seq,
      ...head,
    });
    expect(segmentFiles(directory)).toHaveLength(17 - head.first_retained_seq);
  });

  test('takes as many segments as it must at once', () => {
    const { directory, log } = open(160);
    log.append(outputs([10, 10, 10, 150, 1]));
    expect(segmentFiles(directory)).toEqual(['0000000000000004.log', '0000000000000005.log']);
  });

  test('leaves one event that is larger than the bound until the next output', () => {
    const { directory, log } = open(100);
    log.append(outputs([60, 3_000]));
    log.append([exited(3)]);
    expect(pageOf(directory, log.layout, everything)).toEqual({
      gap: { type: 'gap', from_seq: 1, to_seq: 1, bytes: 60 },
      events: [output(2, 3_000), exited(3)],
    });
    log.append([output(4, 1)]);
    expect(pageOf(directory, log.layout, everything)).toEqual({
      gap: { type: 'gap', from_seq: 1, to_seq: 3, bytes: 3_060 },
      events: [output(4, 1)],
    });
  });

  test('is told exactly to every cursor', () => {
    const lengths = [7, 1, 30, 12, 1, 1, 40, 9, 25, 60, 3, 11];
    const { directory, log } = open(96);
    log.append(outputs(lengths));
    const first = log.layout.segments[0]?.first_seq ?? 0;
    expect(first).toBe(10);
    for (let after_seq = 0; after_seq <= lengths.length; after_seq += 1) {
      const missing = lengths.slice(after_seq, first - 1);
      const bytes = missing.reduce((sum, length) => sum + length, 0);
      const to_seq = first - 1;
      expect(pageOf(directory, log.layout, { after_seq, max_bytes: 1_000 })).toEqual({
        gap: missing.length === 0 ? null : { type: 'gap', from_seq: after_seq + 1, to_seq, bytes },
        events: outputs(lengths).slice(Math.max(after_seq, first - 1)),
      });
    }
  });

  test('goes on when a file cannot be removed', () => {
    const { directory, log } = open(16);
    log.append([output(1, 10)]);
    const path = join(directory, '0000000000000001.log');
    rmSync(path);
    mkdirSync(path);
    expect(log.append([output(2, 10)])).toEqual({
      last_seq: 2,
      first_retained_seq: 2,
      first_replay_seq: 2,
      retained_bytes: 10,
      evicted_bytes: 10,
    });
  });
});

describe('the replay', () => {
  test('is bounded by itself, and by what is retained', () => {
    const directory = join(temporaryDirectory(), 'log');
    const bounds = { retainedBytesMax: 160, replay: { eventsMax: 3, bytesMax: 1_000 } };
    const log = segmentedLog(directory, bounds);
    expect(log.append(outputs([10, 10, 10, 10])).first_replay_seq).toBe(2);
    expect(log.append([output(5, 200)]).first_replay_seq).toBe(5);
  });
});

describe('an append', () => {
  test.each([
    { seqs: [2], expected: 1 },
    { seqs: [1, 3], expected: 2 },
    { seqs: [1, 1], expected: 2 },
  ])('of seqs $seqs to an empty log is refused', ({ seqs, expected }) => {
    const { log } = open(100);
    const events = seqs.map((seq) => output(seq, 1));
    const got = seqs.find((seq, place) => seq !== place + 1) ?? 0;
    expect(() => log.append(events)).toThrow(`expected an event with seq ${expected}, got ${got}`);
  });

  test('of nothing makes no file', () => {
    const directory = temporaryDirectory();
    const log = segmentedLog(join(directory, 'log'), { retainedBytesMax: 100, replay });
    expect(log.append([]).last_seq).toBe(0);
    expect(readdirSync(directory)).toEqual([]);
  });

  test('makes files that only their owner can read', () => {
    const { directory, log } = open(100);
    log.append(outputs([1]));
    const modes = [directory, ...readdirSync(directory).map((name) => join(directory, name))].map(
      (path) => (statSync(path).mode & 0o777).toString(8),
    );
    expect(modes).toEqual(['700', '600', '600']);
  });
});

describe('descriptors', () => {
  test('are the last segment and the index, from the first append until the close', () => {
    const { directory, log } = open(16);
    expect(openFiles(directory)).toEqual([]);
    log.append(outputs([5, 5, 5]));
    expect(openFiles(directory).sort()).toEqual([
      join(directory, '0000000000000003.log'),
      join(directory, 'index'),
    ]);
    log.append([exited(4), closed(5)]);
    log.close();
    expect(openFiles(directory)).toEqual([]);
  });

  test('are opened again when an append follows a close', () => {
    const { directory, log } = open(1_600);
    log.append([output(1, 4)]);
    log.close();
    expect(openFiles(directory)).toEqual([]);
    log.append([output(2, 4)]);
    expect(pageOf(directory, log.layout, everything).events).toEqual(outputs([4, 4]));
    log.close();
  });
});
