import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import type { LogPage } from '../../src/engine/engine.ts';
import { frameBytes } from '../../src/engine/files/logs/frame.ts';
import type { LogLayout } from '../../src/engine/files/logs/layout.ts';
import {
  extentsOf,
  headOf,
  segmentHeaderBytes,
  segmentPath,
} from '../../src/engine/files/logs/layout.ts';
import { entryPosition, indexPath } from '../../src/engine/files/logs/seq-index.ts';
import type { LogEvent } from '../../src/log/event.ts';
import { payloadBytes } from '../../src/log/event.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { closed, exited, pageOf, segmentedLog } from '../unit/engine/fixtures.ts';

const damages = 10_000;
const eventCount = 2_000;
const bounds = { retainedBytesMax: 3_000_000, replay: { eventsMax: 100, bytesMax: 100_000 } };

/** A file of a log as it was written, and where in it each seq begins. */
interface WrittenFile {
  readonly path: string;
  readonly whole: Buffer;
  readonly places: readonly { readonly seq: number; readonly at: number }[];
}

interface WrittenLog {
  readonly directory: string;
  readonly layout: LogLayout;
  readonly events: readonly LogEvent[];
  readonly files: readonly WrittenFile[];
}

/** A whole number below `end`. */
type Below = (end: number) => number;

function pick<T>(items: readonly T[], below: Below): T {
  const item = items[below(items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

function eventsOf(below: Below): LogEvent[] {
  const events: LogEvent[] = [];
  for (let seq = 1; seq <= eventCount; seq += 1) {
    const size = 1 + below(pick([1, 20, 300, 5_000, 32_000], below));
    const chunk = Buffer.alloc(size, `${seq}: ${below(1_000_000)}\n`);
    events.push({ type: 'output', seq, stream: pick(['stdout', 'stderr', 'pty'], below), chunk });
  }
  return [...events, exited(eventCount + 1), closed(eventCount + 2)];
}

function write(below: Below): WrittenLog {
  const directory = mkdtempSync(join(tmpdir(), 'procession-damaged-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  const events = eventsOf(below);
  const log = segmentedLog(directory, bounds);
  for (let done = 0; done < events.length; done += 7) log.append(events.slice(done, done + 7));
  log.close();
  return { directory, layout: log.layout, events, files: filesOf(directory, log.layout, events) };
}

function filesOf(directory: string, layout: LogLayout, events: readonly LogEvent[]): WrittenFile[] {
  const index = indexPath(directory);
  const entries = events.map(({ seq }) => ({ seq, at: entryPosition(seq) }));
  const files = [{ path: index, whole: readFileSync(index), places: entries }];
  for (const extent of extentsOf(layout)) {
    const path = segmentPath(directory, extent);
    let at = segmentHeaderBytes;
    const places = events.slice(extent.first_seq - 1, extent.endSeq - 1).map((event) => {
      const place = { seq: event.seq, at };
      at += frameBytes(event);
      return place;
    });
    files.push({ path, whole: readFileSync(path), places });
  }
  return files;
}

const kinds = ['flip', 'cut', 'zeros', 'noise'] as const;

interface Damage {
  readonly kind: (typeof kinds)[number];
  readonly file: WrittenFile;
  readonly at: number;
  readonly length: number;
}

/** Somewhere in a file: half of them near the beginning of a frame. */
function choose({ files }: WrittenLog, below: Below): Damage {
  const [index, ...segments] = files;
  const file = index !== undefined && below(5) === 0 ? index : pick(segments, below);
  const near = pick(file.places, below).at + below(frameBytesSeen);
  const at = Math.min(below(2) === 0 ? near : below(file.whole.length), file.whole.length - 1);
  const kind = pick(kinds, below);
  return { kind, file, at, length: kind === 'flip' ? 1 : 1 + below(pick([4, 100, 50_000], below)) };
}

const frameBytesSeen = 30;

function apply({ kind, file, at, length }: Damage, below: Below): void {
  const bytes = Buffer.from(file.whole.subarray(at, at + length));
  if (kind === 'flip') bytes.writeUInt8(bytes.readUInt8(0) ^ (1 << below(8)), 0);
  if (kind === 'zeros') bytes.fill(0);
  if (kind === 'noise') for (const place of bytes.keys()) bytes.writeUInt8(below(256), place);
  change(file.path, (fd) => {
    if (kind === 'cut') ftruncateSync(fd, at);
    else writeSync(fd, bytes, 0, bytes.length, at);
  });
}

function restore({ kind, file, at, length }: Damage): void {
  const rest = file.whole.subarray(at, kind === 'cut' ? file.whole.length : at + length);
  change(file.path, (fd) => writeSync(fd, rest, 0, rest.length, at));
}

function change(path: string, work: (fd: number) => void): void {
  const fd = openSync(path, 'r+');
  work(fd);
  closeSync(fd);
}

/** Seqs before, at and after the damage. */
function cursorsNear({ file, at }: Damage, { events }: WrittenLog, below: Below): number[] {
  const seq = file.places.findLast((place) => place.at <= at)?.seq ?? file.places[0]?.seq ?? 1;
  const cursors = [seq - 1 - below(20), seq - 1, seq, seq + below(40)];
  return cursors.filter((cursor) => cursor >= 0 && cursor < events.length);
}

/** What is wrong with a page; null when nothing is. */
function faultOf({ gap, events }: LogPage, cursor: number, log: WrittenLog): string | null {
  const first = (gap?.to_seq ?? cursor) + 1;
  if (gap === null ? events.length === 0 : gap.from_seq !== cursor + 1 || gap.to_seq <= cursor) {
    return 'does not go on from its cursor';
  }
  if (first + events.length - 1 > log.events.length) return 'goes on after the end';
  const wrong = events.findIndex(
    (event, place) => !isDeepStrictEqual(event, log.events[first - 1 + place]),
  );
  return wrong === -1 ? null : `has another event ${first + wrong}`;
}

function bytesOf(events: readonly LogEvent[]): number {
  return events.reduce((sum, event) => sum + payloadBytes(event), 0);
}

/** The least and the most bytes of a gap: the index alone knows what was evicted after a cursor. */
function gapBounds({ gap }: LogPage, cursor: number, { damage, log }: Damaged): [number, number] {
  const exact = bytesOf(log.events.slice(cursor, gap?.to_seq ?? cursor));
  const { evicted_bytes, first_retained_seq } = headOf(log.layout);
  const { file, kind } = damage;
  const isInexact = file.path.endsWith('index') && cursor + 1 < first_retained_seq;
  if (!isInexact) return [exact, exact];
  return [kind === 'noise' ? 0 : exact, evicted_bytes];
}

interface Damaged {
  readonly damage: Damage;
  readonly log: WrittenLog;
}

const timeout = 240_000;

test(
  'ten thousand damages of a big log are gaps of exact bytes, and never a wrong byte',
  { timeout },
  () => {
    const seed = Number(process.env['PROCESSION_TEST_SEED'] ?? 1);
    const random = seededRandom(seed);
    const below: Below = (end) => Math.floor(random() * end);
    const log = write(below);
    let gaps = 0;
    for (let place = 0; place < damages; place += 1) {
      const damage = choose(log, below);
      apply(damage, below);
      for (const cursor of cursorsNear(damage, log, below)) {
        const query = { after_seq: cursor, max_bytes: below(40_000) };
        const page = pageOf(log.directory, log.layout, query);
        const [least, most] = gapBounds(page, cursor, { damage, log });
        const bytes = page.gap?.bytes ?? 0;
        const isExact = bytes >= least && bytes <= most;
        const fault =
          faultOf(page, cursor, log) ?? (isExact ? null : `says ${bytes}, not ${least}`);
        gaps += page.gap === null ? 0 : 1;
        const { kind, file, at, length } = damage;
        expect({ seed, kind, path: file.path, at, length, query, fault }).toMatchObject({
          fault: null,
        });
      }
      restore(damage);
    }
    expect(gaps).toBeGreaterThan(damages / 4);
  },
);
