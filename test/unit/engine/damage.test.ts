import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Engine, ProcessRecord, ReadQuery } from '../../../src/engine/engine.ts';
import { hostDisk } from '../../../src/engine/files/disk.ts';
import { openFilesEngine } from '../../../src/engine/files/engine.ts';
import { frameBytes } from '../../../src/engine/files/logs/frame.ts';
import { segmentHeaderBytes } from '../../../src/engine/files/logs/layout.ts';
import { readWhole } from '../../../src/engine/files/logs/read-whole.ts';
import { recoverLog } from '../../../src/engine/files/logs/recover-log.ts';
import { entryBytes, lastIndexed } from '../../../src/engine/files/logs/seq-index.ts';
import type { AppendedEvent, GapEvent } from '../../../src/log/event.ts';
import { payloadBytes } from '../../../src/log/event.ts';
import type { Closed } from '../../../src/log/lifecycle.ts';
import { running } from '../../../src/log/lifecycle.ts';
import type { Damage } from './damage.ts';
import { cuts, flippedBits, inEachFile, withEach } from './damage.ts';
import { closed, exited, exitedAt, outputs, recordOf, temporaryDirectory } from './fixtures.ts';
import type { Followed, Walk } from './follow-log.ts';
import { follow, missedBytes, writtenGapBytes } from './follow-log.ts';

const inFiles = { retainedBytesMax: 16, replay: { eventsMax: 3, bytesMax: 100 } };
const inRow = { ...inFiles, retainedBytesMax: 1_600 };

/** What a full disk has left. */
const lost: GapEvent = { type: 'gap', from_seq: 7, to_seq: 7, bytes: 1_000 };

/** In files the first three are evicted. */
const written: readonly AppendedEvent[] = [
  ...outputs([9, 4, 3, 1, 1, 2]),
  lost,
  ...outputs([4, 1], 8),
  exited(10),
  ...outputs([5], 11),
  closed(12),
];
const evictedSeq = 3;
const segments = [4, 5, 6, 8, 9, 11];
const segmentOf = (seq: number): string => `${seq.toString().padStart(16, '0')}.log`;

const atExit = exitedAt(10, 500);
const atClose: Closed = {
  ...atExit,
  state: 'closed',
  closed_seq: 12,
  closed_at: 600,
  output_incomplete: false,
};

interface Store {
  readonly dir: string;
  readonly engine: Engine;
  /** Where the files of the log are. */
  readonly directory: string;
}

const record: ProcessRecord = recordOf('p');

function open(dir: string, bounds = inFiles): Store {
  const engine = openFilesEngine({ dir, ...bounds });
  onTestFinished(() => engine.close().catch(() => undefined));
  return { dir, engine, directory: join(dir, 'logs', record.incarnation) };
}

/** A store with the log of a process, up to its exit or to its close, and open. */
async function storeWith(state: 'running' | 'closed', bounds = inFiles): Promise<Store> {
  const store = open(temporaryDirectory(), bounds);
  const { engine } = store;
  await engine.create(record);
  await engine.append(record, written.slice(0, 9), running);
  await engine.append(record, written.slice(9, 11), atExit);
  await engine.append(record, written.slice(11), state === 'closed' ? atClose : atExit);
  return store;
}

/** What the service leaves that dies now. */
function crashed(dir: string): string {
  const copy = join(temporaryDirectory(), 'data');
  cpSync(dir, copy, { recursive: true });
  return copy;
}

/** From the beginning by pages of a size, and from another cursor; other ones each time. */
function walksAt(place: number): Walk[] {
  const [max_bytes = 0] = [0, 5, 1_000_000].slice(place % 3);
  const other = { after_seq: 1 + (place % 11), max_bytes: place % 7 };
  return [{ after_seq: 0, max_bytes }, other].map((walk) => ({ ...walk, written }));
}

/** Whether the frame of the persisted gap is damaged, and with it the only word of its bytes. */
function hidesLoss({ file, at, end }: Damage): boolean {
  if (file !== 'frames' && file !== segmentOf(6)) return false;
  const before = file === 'frames' ? written.slice(0, 6) : written.slice(5, 6);
  const header = file === 'frames' ? 0 : segmentHeaderBytes;
  const start = before.reduce((sum, event) => sum + frameBytes(event), header);
  return at < start + frameBytes(lost) && end > start;
}

function requireBytes({ seqs, gapBytes }: Followed, walk: Walk, damage: Damage): void {
  const exact = missedBytes(seqs, walk) + (hidesLoss(damage) ? 0 : writtenGapBytes(walk));
  const most = written.slice(0, inexactSeq(walk, damage)).reduce(addBytes, exact);
  if (gapBytes < exact || gapBytes > most) {
    throw new Error(`gaps of ${gapBytes} bytes, not ${exact}, from ${walk.after_seq}`);
  }
}

/** Up to where a reader may be told of bytes before its cursor: the index alone knows them. */
function inexactSeq({ after_seq }: Walk, { file, at, end }: Damage): number {
  const isCutRow = file === 'frames' && end > at + 1;
  const isEvicted = file === 'index' && after_seq < evictedSeq;
  return isCutRow || isEvicted ? after_seq : 0;
}

const addBytes = (sum: number, event: AppendedEvent): number => sum + payloadBytes(event);

describe.each([
  { what: 'a flipped bit', damaged: flippedBits },
  { what: 'a cut file', damaged: cuts },
])('$what in the files', ({ damaged }) => {
  test('of a closed process is at most a gap of exact bytes, and never hides its end', async () => {
    const { engine, directory } = await storeWith('closed');
    const read = (query: ReadQuery) => engine.read(record, query);
    const count = await withEach(directory, inEachFile(directory, damaged), async (damage, at) => {
      for (const walk of walksAt(at)) {
        const followed = await follow(read, walk);
        requireBytes(followed, walk, damage);
        if (walk.after_seq < 10) expect(followed.seqs).toContain(10);
        expect(followed.seqs).toContain(12);
      }
    });
    expect(count).toBeGreaterThan(400);
  });

  test('of one that ran when the service died is at most a gap of exact bytes', async () => {
    const directory = join(crashed((await storeWith('running')).dir), 'logs', record.incarnation);
    const place = { disk: hostDisk, directory };
    await withEach(directory, inEachFile(directory, damaged), async (damage, at) => {
      const { layout } = recoverLog(place, inFiles);
      const log = { layout, frames: null, directory, lifecycle: atExit };
      for (const walk of walksAt(at)) {
        const followed = await follow((query) => readWhole(log, query), walk);
        requireBytes(followed, walk, damage);
        if (walk.after_seq < 10) expect(followed.seqs).toContain(10);
      }
    });
  });

  test('lets the service start that follows a crash', async () => {
    const left = crashed((await storeWith('running')).dir);
    const directory = join(left, 'logs', record.incarnation);
    const some = [...inEachFile(directory, damaged)].filter((_, place) => place % 37 === 0);
    await withEach(directory, some, async (damage, at) => {
      const { engine } = open(crashed(left));
      expect(await engine.find('p')).toMatchObject({ head: { last_seq: 12 } });
      for (const walk of walksAt(at)) {
        requireBytes(await follow((query) => engine.read(record, query), walk), walk, damage);
      }
      await engine.close();
    });
  });
});

test.each([
  { what: 'every flipped bit', damaged: flippedBits },
  { what: 'every cut', damaged: cuts },
])('$what of a log in its row is at most a gap of exact bytes', async ({ damaged }) => {
  const { dir, engine } = await storeWith('closed', inRow);
  const database = new DatabaseSync(join(dir, 'metadata.sqlite'));
  onTestFinished(() => {
    database.close();
  });
  const whole = database.prepare('SELECT frames FROM processes').get()?.['frames'];
  if (!(whole instanceof Uint8Array)) throw new Error('the log is in files');
  const change = database.prepare('UPDATE processes SET frames = ?');
  let place = 0;
  for (const damage of damaged(Buffer.from(whole), 'frames')) {
    change.run(damage.bytes);
    for (const walk of walksAt(place)) {
      const followed = await follow((query) => engine.read(record, query), walk);
      requireBytes(followed, walk, damage);
      expect(followed.seqs).toContain(12);
    }
    place += 1;
  }
  expect(place).toBe(whole.length * (damaged === cuts ? 1 : 8));
});

const missing =
  (...names: readonly string[]) =>
  (directory: string) => {
    for (const name of names) rmSync(join(directory, name), { recursive: true });
  };

const replaced = (name: string, by: (path: string) => void) => (directory: string) => {
  const path = join(directory, name);
  rmSync(path, { recursive: true });
  by(path);
};

const junk = (path: string): void => {
  writeFileSync(path, Buffer.alloc(5_000, 'junk'));
};

const pipe = (path: string): void => {
  execFileSync('mkfifo', [path]);
};

function addForeignFiles(directory: string): void {
  for (const name of [segmentOf(10), segmentOf(99), 'index.old', 'README', '7.log']) {
    junk(join(directory, name));
  }
  mkdirSync(join(directory, segmentOf(12)));
}

function swapSegments(directory: string): void {
  const [one, other] = [join(directory, segmentOf(5)), join(directory, segmentOf(8))];
  renameSync(one, `${one}.old`);
  renameSync(other, one);
  renameSync(`${one}.old`, other);
}

function repeatSegment(directory: string): void {
  copyFileSync(join(directory, segmentOf(4)), join(directory, segmentOf(9)));
}

const retained = [4, 5, 6, 7, 8, 9, 11, 12];
const files = ['index', ...segments.map(segmentOf)];

/**
 * Damage to the directory of a log, the seqs that nobody can be told then, and where the log ends if
 * the service has died as well.
 */
const structuralDamages = [
  { what: 'without its index', damage: missing('index'), lost: [], end: 12 },
  { what: 'without its first segment', damage: missing(segmentOf(4)), lost: [4], end: 12 },
  { what: 'without a segment', damage: missing(segmentOf(6)), lost: [6, 7], end: 12 },
  { what: 'without the exit', damage: missing(segmentOf(9)), lost: [9], end: 12 },
  { what: 'without its last segment', damage: missing(segmentOf(11)), lost: [11, 12], end: 12 },
  { what: 'without files', damage: missing(...files), lost: retained, end: 10 },
  { what: 'without a directory', damage: missing(''), lost: retained, end: 10 },
  { what: 'with junk for a directory', damage: replaced('', junk), lost: retained, end: 10 },
  { what: 'with foreign files', damage: addForeignFiles, lost: [], end: 12 },
  { what: 'with junk for a segment', damage: replaced(segmentOf(5), junk), lost: [5], end: 12 },
  { what: 'with junk at its end', damage: replaced(segmentOf(11), junk), lost: [11, 12], end: 12 },
  { what: 'with a directory in it', damage: replaced(segmentOf(5), mkdirSync), lost: [5], end: 12 },
  { what: 'with a pipe in it', damage: replaced(segmentOf(5), pipe), lost: [5], end: 12 },
  {
    what: 'with a directory for an index',
    damage: replaced('index', mkdirSync),
    lost: [],
    end: 12,
  },
  { what: 'with junk for an index', damage: replaced('index', junk), lost: [], end: 12 },
  { what: 'with two segments swapped', damage: swapSegments, lost: [5, 8], end: 12 },
  { what: 'with a segment in two places', damage: repeatSegment, lost: [9], end: 12 },
];

describe('a log', () => {
  test.each(structuralDamages)('$what tells the rest and a gap', async ({ damage, lost, end }) => {
    const alive = await storeWith('closed');
    damage(alive.directory);
    await requireRest(alive.engine, { lost: lost.filter((seq) => seq !== 12), end: 12 });
    const dead = await storeWith('running');
    damage(dead.directory);
    await requireRest(open(crashed(dead.dir)).engine, {
      lost: lost.filter((seq) => seq <= end),
      end,
    });
  });
});

/** What should be missing of a log beside what was evicted, and where it ends. */
interface Rest {
  readonly lost: readonly number[];
  readonly end: number;
}

async function requireRest(engine: Engine, { lost, end }: Rest): Promise<void> {
  expect(await engine.find('p')).toMatchObject({ head: { last_seq: end } });
  const told = [4, 5, 6, 7, 8, 9, 10, 11, 12].filter((seq) => seq <= end && !lost.includes(seq));
  const { seqs } = await follow((query) => engine.read(record, query), {
    after_seq: 0,
    max_bytes: 5,
    written: written.slice(0, end),
  });
  expect([...seqs]).toEqual(told.filter((seq) => seq !== 7));
}

test('a hole in an index is not taken for entries', () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'index'), Buffer.alloc(300_000 * entryBytes));
  expect(lastIndexed(directory)).toBe(0);
});
