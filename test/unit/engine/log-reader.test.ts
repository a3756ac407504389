import {
  copyFileSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { LogPage } from '../../../src/engine/engine.ts';
import { encodeFrame } from '../../../src/engine/files/logs/frame.ts';
import { pageEventsMax } from '../../../src/engine/files/logs/log-reader.ts';
import type { SegmentedLog } from '../../../src/engine/files/logs/segmented-log.ts';
import type { LogEvent } from '../../../src/log/event.ts';
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

interface WrittenLog {
  readonly directory: string;
  readonly log: SegmentedLog;
  readonly read: (after_seq: number, max_bytes: number) => LogPage;
}

function logWith(events: readonly LogEvent[], retainedBytesMax = 160): WrittenLog {
  const directory = join(temporaryDirectory(), 'log');
  const log = segmentedLog(directory, { retainedBytesMax, replay });
  log.append(events);
  log.close();
  const read = (after_seq: number, max_bytes: number): LogPage =>
    pageOf(directory, log.layout, { after_seq, max_bytes });
  return { directory, log, read };
}

const events = [...outputs([10, 4, 6, 12, 1, 1]), exited(7), ...outputs([2], 8), closed(9)];

describe('a page', () => {
  test.each([
    { max_bytes: 0, count: 1 },
    { max_bytes: 1, count: 1 },
    { max_bytes: 13, count: 1 },
    { max_bytes: 14, count: 2 },
    { max_bytes: 15, count: 2 },
    { max_bytes: 19, count: 2 },
    { max_bytes: 20, count: 3 },
    { max_bytes: 34, count: 7 },
    { max_bytes: 35, count: 7 },
    { max_bytes: 36, count: 9 },
    { max_bytes: 8_388_608, count: 9 },
  ])('of at most $max_bytes bytes has $count events', ({ max_bytes, count }) => {
    expect(logWith(events).read(0, max_bytes)).toEqual({
      gap: null,
      events: events.slice(0, count),
    });
  });

  test('begins after any cursor and crosses segments', () => {
    const { log, read } = logWith(events);
    expect(log.layout.segments.length).toBeGreaterThan(2);
    for (let after_seq = 0; after_seq <= events.length; after_seq += 1) {
      expect(read(after_seq, 1_000)).toEqual({ gap: null, events: events.slice(after_seq) });
    }
  });

  test('is empty at the head and of an empty log', () => {
    expect(logWith(events).read(9, 1_000)).toEqual({ gap: null, events: [] });
    expect(logWith([]).read(0, 1_000)).toEqual({ gap: null, events: [] });
  });

  test('counts what it brings, not what it misses', () => {
    const { read } = logWith(outputs([100, 100, 3, 3]), 16);
    expect(read(0, 3)).toEqual({
      gap: { type: 'gap', from_seq: 1, to_seq: 2, bytes: 200 },
      events: outputs([3, 3], 3).slice(0, 1),
    });
  });

  test('has at most 16 384 events', () => {
    expect(pageEventsMax).toBe(16_384);
    const all = outputs(Array.from({ length: 2 * pageEventsMax + 1 }, () => 1));
    const { read } = logWith(all, 1_000_000);
    expect(read(0, 1_000_000).events).toEqual(all.slice(0, pageEventsMax));
    expect(read(pageEventsMax, 1_000_000).events).toEqual(all.slice(pageEventsMax, -1));
    expect(read(2 * pageEventsMax, 1_000_000).events).toEqual(all.slice(-1));
  });

  test('leaves no file open', () => {
    const { directory, read } = logWith(events);
    read(0, 1_000);
    expect(openFiles(directory)).toEqual([]);
  });
});

describe('damage', () => {
  // Seqs 1 to 3 with 10, 4 and 6 bytes: 24 bytes of file header, 24 of each frame.
  const intact = outputs([10, 4, 6]);
  const path = (directory: string): string => join(directory, '0000000000000001.log');

  test.each([
    { what: 'a byte of a chunk', at: 24 + 34 + 24 },
    { what: 'a byte of a frame header', at: 24 + 34 + 9 },
    { what: 'a length', at: 24 + 34 },
  ])('of $what is a gap', ({ at }) => {
    const { directory, read } = logWith(intact, 16_000);
    const bytes = readFileSync(path(directory));
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    writeFileSync(path(directory), bytes);
    expect(read(0, 1_000)).toEqual({ gap: null, events: intact.slice(0, 1) });
    expect(read(1, 1_000)).toEqual({
      gap: { type: 'gap', from_seq: 2, to_seq: 2, bytes: 4 },
      events: intact.slice(2),
    });
    expect(read(2, 1_000).events).toEqual(intact.slice(2));
    expect(openFiles(directory)).toEqual([]);
  });

  test('of a file that was cut is a gap up to the end of that part', () => {
    const { directory, read } = logWith(intact, 16_000);
    truncateSync(path(directory), 100);
    expect(read(2, 1_000)).toEqual({
      gap: { type: 'gap', from_seq: 3, to_seq: 3, bytes: 6 },
      events: [],
    });
    expect(read(0, 1_000).events).toEqual(intact.slice(0, 2));
  });

  test('of a whole file is a gap with all its bytes', () => {
    const { directory, log, read } = logWith(outputs([10, 10, 10, 10]), 160);
    expect(log.layout.segments).toHaveLength(4);
    rmSync(join(directory, '0000000000000002.log'));
    expect(read(1, 1_000)).toEqual({
      gap: { type: 'gap', from_seq: 2, to_seq: 2, bytes: 10 },
      events: outputs([10, 10], 3),
    });
  });

  test.each(['ffffffffffff0000', '0000000000000000'])(
    'of the index (%s) changes nothing, since the frames follow each other',
    (entry) => {
      const { directory, read } = logWith(intact, 16_000);
      const index = readFileSync(join(directory, 'index'));
      index.write(entry, 8, 'hex');
      writeFileSync(join(directory, 'index'), index);
      expect(read(0, 1_000)).toEqual({ gap: null, events: intact.slice(0, 1) });
      expect(read(1, 1_000)).toEqual({ gap: null, events: intact.slice(1) });
      expect(read(1, 0).events).toEqual(intact.slice(1, 2));
      expect(read(2, 0).events).toEqual(intact.slice(2));
      expect(openFiles(directory)).toEqual([]);
    },
  );

  test('of a frame and of the index at once is a gap, found by a look at every byte', () => {
    const { directory, read } = logWith(intact, 16_000);
    const bytes = readFileSync(path(directory));
    bytes.fill(0, 24 + 34, 24 + 34 + 10);
    writeFileSync(path(directory), bytes);
    rmSync(join(directory, 'index'));
    expect(read(1, 1_000)).toEqual({
      gap: { type: 'gap', from_seq: 2, to_seq: 2, bytes: 4 },
      events: intact.slice(2),
    });
  });

  test('finds no event in what a process wrote to look like one', () => {
    const forged = Buffer.alloc(28);
    encodeFrame(forged, 0, { ...output(3, 4), chunk: Buffer.from('evil') });
    const events = [output(1, 5), { ...output(2, 28), chunk: forged }, output(3, 7), output(4, 1)];
    const { directory, read } = logWith(events, 16_000);
    const bytes = readFileSync(path(directory));
    bytes.writeUInt8(0xff, 24 + 29 + 5);
    writeFileSync(path(directory), bytes);
    expect(read(1, 1_000)).toEqual({
      gap: { type: 'gap', from_seq: 2, to_seq: 2, bytes: 28 },
      events: events.slice(2),
    });
  });

  test("of a file that is another log's is a gap, whatever fits", () => {
    const [one, other] = [logWith(outputs([4, 4, 4]), 160), logWith(outputs([4, 4, 4]), 160)];
    copyFileSync(path(other.directory), path(one.directory));
    expect(one.read(0, 1_000)).toEqual({ gap: null, events: outputs([4, 4, 4]) });
    const renamed = join(other.directory, '..', 'other');
    renameSync(other.directory, renamed);
    copyFileSync(path(one.directory), path(renamed));
    expect(pageOf(renamed, other.log.layout, { after_seq: 0, max_bytes: 1_000 })).toEqual({
      gap: { type: 'gap', from_seq: 1, to_seq: 3, bytes: 12 },
      events: [],
    });
  });

  test('of a frame that belongs to another place is a gap', () => {
    const { directory, read } = logWith(outputs([4, 4]), 16_000);
    const bytes = readFileSync(path(directory));
    bytes.copy(bytes, 24 + 28, 24, 24 + 28);
    writeFileSync(path(directory), bytes);
    expect(read(1, 1_000)).toEqual({
      gap: { type: 'gap', from_seq: 2, to_seq: 2, bytes: 4 },
      events: [],
    });
  });
});
