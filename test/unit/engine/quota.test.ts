import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Engine, LogHead, ProcessRecord } from '../../../src/engine/engine.ts';
import { StoreFullError } from '../../../src/engine/engine.ts';
import { openFilesEngine } from '../../../src/engine/files/engine.ts';
import { running } from '../../../src/log/lifecycle.ts';
import { closed, closedAt, exited, outputs, recordOf, temporaryDirectory } from './fixtures.ts';

/** Of output in a segment; each event of these tests fills one. */
const segmentBytes = 5_000;
const bounds = {
  retainedBytesMax: 16 * segmentBytes,
  replay: { eventsMax: 1_000, bytesMax: 1_000_000 },
};
/** What a segment of one event has on the disk, and that event in the index. */
const onDisk = 24 + 24 + segmentBytes;
const inIndex = 8;

function open(dir: string, dataBytesMax: number): Engine {
  const engine = openFilesEngine({ dir, dataBytesMax, now: () => 1_000, ...bounds });
  onTestFinished(() => engine.close().catch(() => undefined));
  return engine;
}

/** Writes segments of a process that goes on. */
async function write(
  engine: Engine,
  record: ProcessRecord,
  { segments, first = 1 }: { readonly segments: number; readonly first?: number },
): Promise<LogHead> {
  const lengths = Array.from({ length: segments }, () => segmentBytes);
  return engine.append(record, outputs(lengths, first), running);
}

async function start(engine: Engine, record: ProcessRecord, segments: number): Promise<LogHead> {
  await engine.create(record);
  return write(engine, record, { segments });
}

async function end(engine: Engine, record: ProcessRecord, last: number): Promise<void> {
  await engine.append(record, [exited(last + 1), closed(last + 2)], closedAt(last + 2, 5));
}

function segmentsOf(dir: string, { incarnation }: ProcessRecord): string[] {
  const names = readdirSync(join(dir, 'logs', incarnation));
  return names.filter((name) => name !== 'index').map((name) => name.replace(/^0+|\.log$/g, ''));
}

async function headOf(engine: Engine, { process_id }: ProcessRecord): Promise<unknown> {
  const found = await engine.find(process_id);
  return typeof found === 'string' ? found : found.head;
}

const [a, b] = [recordOf('a'), recordOf('b')];

describe('the bound of the data directory', () => {
  test.each([
    { missing: 0, left: ['1', '2', '3'] },
    { missing: 1, left: ['2', '3'] },
    { missing: onDisk, left: ['2', '3'] },
    { missing: onDisk + 1, left: ['3'] },
  ])('that is $missing bytes short of three segments leaves $left', async ({ missing, left }) => {
    const dir = temporaryDirectory();
    const engine = open(dir, 3 * (onDisk + inIndex) - missing);
    await start(engine, a, 3);
    expect(segmentsOf(dir, a)).toEqual(left);
    const files = join(dir, 'logs', a.incarnation);
    const sizes = readdirSync(files).map((name) => statSync(join(files, name)).size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(left.length * onDisk + 3 * inIndex);
  });

  test('takes the oldest segment of all logs first', async () => {
    const dir = temporaryDirectory();
    const engine = open(dir, 5 * onDisk + 100);
    await start(engine, a, 2);
    await start(engine, b, 2);
    await write(engine, a, { segments: 1, first: 3 });
    expect([segmentsOf(dir, a), segmentsOf(dir, b)]).toEqual([
      ['1', '2', '3'],
      ['1', '2'],
    ]);
    await write(engine, a, { segments: 1, first: 4 });
    expect([segmentsOf(dir, a), segmentsOf(dir, b)]).toEqual([
      ['2', '3', '4'],
      ['1', '2'],
    ]);
    await write(engine, a, { segments: 2, first: 5 });
    expect([segmentsOf(dir, a), segmentsOf(dir, b)]).toEqual([['3', '4', '5', '6'], ['2']]);
  });

  test('names what it took, and tells the head of a log that goes on', async () => {
    const dir = temporaryDirectory();
    const engine = open(dir, 3 * onDisk);
    const told: unknown[] = [];
    engine.onEvicted(({ process_id }, head) => told.push([process_id, head]));
    await start(engine, a, 2);
    await start(engine, b, 1);
    const head = {
      last_seq: 2,
      first_retained_seq: 2,
      first_replay_seq: 2,
      retained_bytes: segmentBytes,
      evicted_bytes: segmentBytes,
    };
    expect(told).toEqual([['a', head]]);
    expect(await headOf(engine, a)).toEqual(head);
    expect(await engine.read(a, { after_seq: 0, max_bytes: 1 })).toEqual({
      gap: { type: 'gap', from_seq: 1, to_seq: 1, bytes: segmentBytes },
      events: outputs([segmentBytes], 2),
    });
  });

  test('never takes the last segment of a log that goes on; then nothing can be started', async () => {
    const dir = temporaryDirectory();
    const engine = open(dir, onDisk + 100);
    await start(engine, a, 1);
    await start(engine, b, 2);
    expect([segmentsOf(dir, a), segmentsOf(dir, b)]).toEqual([['1'], ['2']]);
    await expect(engine.reserve(recordOf('c'))).rejects.toThrow(StoreFullError);
    await expect(engine.probe()).rejects.toThrow(StoreFullError);
    await end(engine, a, 1);
    expect([segmentsOf(dir, a), segmentsOf(dir, b)]).toEqual([[], ['2']]);
    await engine.probe();
    await engine.reserve(recordOf('c'));
  });

  test('may take all of a log that is over, whose end is told all the same', async () => {
    const dir = temporaryDirectory();
    const engine = open(dir, 2 * onDisk);
    await start(engine, a, 1);
    await end(engine, a, 1);
    await start(engine, b, 2);
    expect(segmentsOf(dir, a)).toEqual([]);
    expect(await headOf(engine, a)).toEqual({
      last_seq: 3,
      first_retained_seq: 2,
      first_replay_seq: 2,
      retained_bytes: 0,
      evicted_bytes: segmentBytes,
    });
    const read = (after_seq: number): Promise<unknown> =>
      engine.read(a, { after_seq, max_bytes: 1_000 });
    const gap = { type: 'gap', from_seq: 1, to_seq: 1, bytes: segmentBytes };
    expect(await read(0)).toEqual({ gap, events: [exited(2)] });
    expect(await read(2)).toEqual({ gap: null, events: [closed(3)] });
    expect(await read(3)).toEqual({ gap: null, events: [] });
  });

  test('holds after a restart, from the first moment on', async () => {
    const dir = temporaryDirectory();
    const first = open(dir, 10 * onDisk);
    for (const record of [a, b]) {
      await start(first, record, 3);
      await end(first, record, 3);
    }
    await first.close();
    const second = open(dir, 3 * onDisk);
    expect([segmentsOf(dir, a), segmentsOf(dir, b)]).toEqual([[], ['2', '3']]);
    expect(await headOf(second, b)).toMatchObject({ first_retained_seq: 2, last_seq: 5 });
    await second.close();
    open(dir, 10 * onDisk);
    expect(segmentsOf(dir, b)).toEqual(['2', '3']);
  });

  test('does not count what was removed, nor what is in rows', async () => {
    const dir = temporaryDirectory();
    const engine = open(dir, 3 * onDisk);
    await start(engine, a, 2);
    await end(engine, a, 2);
    await engine.remove('a');
    await start(engine, b, 2);
    for (let number = 0; number < 20; number += 1) {
      const small = recordOf(`small-${number}`);
      await engine.create(small);
      await engine.append(small, [...outputs([900]), exited(2), closed(3)], closedAt(3, 5));
    }
    expect(segmentsOf(dir, b)).toEqual(['1', '2']);
    // Its readers have what was left.
    expect(segmentsOf(dir, a)).toEqual(['1', '2']);
    await engine.dropLog(a);
    expect(existsSync(join(dir, 'logs', a.incarnation))).toBe(false);
  });
});
