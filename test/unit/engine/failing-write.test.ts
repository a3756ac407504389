import type * as Fs from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import type { LogPage } from '../../../src/engine/engine.ts';
import type { SegmentedLog } from '../../../src/engine/files/logs/segmented-log.ts';
import {
  closed,
  exited,
  openFiles,
  outputs,
  pageOf,
  segmentedLog,
  temporaryDirectory,
} from './fixtures.ts';

const disk = vi.hoisted(() => ({ bytesLeft: Infinity, writeBytesMax: Infinity }));

/** A disk that is full after `bytesLeft` bytes and may take less than it is given. */
vi.mock('node:fs', async (importOriginal) => {
  const original = await importOriginal<typeof Fs>();
  return {
    ...original,
    writeSync: (
      fd: number,
      bytes: Buffer,
      ...[offset, length, position]: [number, number, number]
    ) => {
      const taken = Math.min(length, disk.bytesLeft, disk.writeBytesMax);
      if (taken === 0) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      disk.bytesLeft -= taken;
      return original.writeSync(fd, bytes, offset, taken, position);
    },
  };
});

const before = outputs([9, 12]);
const batch = [...outputs([5, 20, 3, 14, 1], 3), exited(8), closed(9)];
const bounds = { retainedBytesMax: 48, replay: { eventsMax: 4, bytesMax: 1_000 } };

beforeEach(() => {
  Object.assign(disk, { bytesLeft: Infinity, writeBytesMax: Infinity });
});

function openLog(): { directory: string; log: SegmentedLog } {
  const directory = join(temporaryDirectory(), 'log');
  const log = segmentedLog(directory, bounds);
  log.append(before);
  return { directory, log };
}

function read(directory: string, log: SegmentedLog): LogPage {
  return pageOf(directory, log.layout, { after_seq: 0, max_bytes: 1_000 });
}

test('a disk that is full after any number of bytes changes nothing, and the repeat succeeds', () => {
  let failures = 0;
  for (let bytesLeft = 0; ; bytesLeft += 1) {
    const { directory, log } = openLog();
    const [head, page] = [log.layout, read(directory, log)];
    disk.bytesLeft = bytesLeft;
    try {
      log.append(batch);
      break;
    } catch {
      failures += 1;
    }
    expect([log.layout, read(directory, log)]).toEqual([head, page]);
    disk.bytesLeft = Infinity;
    log.append(batch);
    expect(read(directory, log)).toEqual({
      gap: { type: 'gap', from_seq: 1, to_seq: 2, bytes: 21 },
      events: batch,
    });
    log.close();
    expect(openFiles(directory)).toEqual([]);
  }
  expect(failures).toBeGreaterThan(300);
});

test('a disk that takes one byte at a time gets the same log', () => {
  disk.writeBytesMax = 1;
  const { directory, log } = openLog();
  log.append(outputs([20], 3));
  expect(read(directory, log)).toEqual({ gap: null, events: outputs([9, 12, 20]) });
  log.close();
});
