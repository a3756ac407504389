import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Engine, Lookup, StoredProcess } from '../../../src/engine/engine.ts';
import type { FilesEngineOptions } from '../../../src/engine/files/engine.ts';
import { openFilesEngine } from '../../../src/engine/files/engine.ts';
import type { StoreRepairs } from '../../../src/engine/files/repair-store.ts';
import { running } from '../../../src/log/lifecycle.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { closed, closedAt, exited, outputs, recordOf, temporaryDirectory } from './fixtures.ts';

const ids = ['inline', 'files', 'short'] as const;

function open(dir: string, more: Partial<FilesEngineOptions> = {}): Engine {
  const replay = { eventsMax: 100, bytesMax: 10_000 };
  return openFilesEngine({ dir, retainedBytesMax: 160, replay, now: () => 5_000, ...more });
}

/** Three processes that are closed, one that was removed, and a start. */
async function fill(engine: Engine): Promise<void> {
  for (const [place, id] of [...ids, 'removed'].entries()) {
    const record = recordOf(id, { labels: { place: place.toString() } });
    const output = outputs(id === 'files' ? [50, 60, 70] : [5]);
    const last = output.length;
    await engine.reserve(record);
    await engine.create(record);
    await engine.append(record, output, running);
    const end = [exited(last + 1), closed(last + 2)];
    await engine.append(record, end, closedAt(last + 2, 1_000 + place));
  }
  await engine.remove('removed');
  await engine.dropLog(recordOf('removed'));
  await engine.reserve({ process_id: 'start', incarnation: 'ab' });
}

interface Written {
  /** The data directory without its metadata. */
  readonly rest: string;
  /** The metadata, by the names of its files. */
  readonly contents: ReadonlyMap<string, Buffer>;
  readonly found: ReadonlyMap<string, Lookup>;
}

/** A store that was closed, or whose service has died and left a journal. */
async function write(how: 'closed' | 'left'): Promise<Written> {
  const [dir, rest] = [temporaryDirectory(), temporaryDirectory()];
  const engine = open(dir);
  await fill(engine);
  const found = new Map<string, Lookup>();
  for (const id of ids) found.set(id, await engine.find(id));
  if (how === 'closed') await engine.close();
  const names = readdirSync(dir).filter((name) => /^metadata.sqlite(-wal)?$/.test(name));
  const contents = new Map(names.map((name) => [name, readFileSync(join(dir, name))]));
  cpSync(join(dir, 'logs'), join(rest, 'logs'), { recursive: true });
  if (how === 'left') await engine.close();
  return { rest, contents, found };
}

interface Damage {
  readonly name: string;
  readonly kind: 'flip' | 'cut';
  /** The bit that is flipped, or the length that is left. */
  readonly place: number;
}

function apply({ rest, contents }: Written, { name, kind, place }: Damage): string {
  const dir = join(rest, 'damaged');
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir);
  cpSync(join(rest, 'logs'), join(dir, 'logs'), { recursive: true });
  for (const [file, whole] of contents) {
    const bytes = kind === 'cut' && file === name ? whole.subarray(0, place) : Buffer.from(whole);
    if (kind === 'flip' && file === name) {
      bytes.writeUInt8(bytes.readUInt8(place >> 3) ^ (1 << (place & 7)), place >> 3);
    }
    writeFileSync(join(dir, file), bytes);
  }
  return dir;
}

type Outcome = 'whole' | 'lost' | 'salvaged' | 'older' | 'refused';

/** Opens a damaged store. Throws unless that is refused in a sentence, or all found is true. */
async function outcomeOf(written: Written, damage: Damage): Promise<Outcome> {
  const dir = apply(written, damage);
  const repairs: StoreRepairs[] = [];
  let engine: Engine;
  try {
    engine = open(dir, { onRepaired: (told) => repairs.push(told) });
  } catch (error) {
    requireSentence(error, dir);
    return 'refused';
  }
  try {
    const { lost, damagedPath } = repairs[0] ?? { lost: 0, damagedPath: null };
    const outcome = await foundIn(engine, written);
    if (damagedPath !== null) return existsSync(damagedPath) ? 'salvaged' : 'refused';
    if (outcome !== 'whole' && lost === 0 && !written.contents.has('metadata.sqlite-wal')) {
      throw new Error(`${outcome}, and nothing was said`);
    }
    return lost > 0 ? 'lost' : outcome;
  } finally {
    await engine.close();
  }
}

function requireSentence(error: unknown, dir: string): void {
  const message = error instanceof Error ? error.message : String(error);
  const isSentence = /^\S+metadata\.sqlite .*(restore .* from a backup|release)[^\r\n]*$/.test(
    message,
  );
  if (!isSentence || !message.startsWith(dir)) throw error;
}

/** What is recovered from its log has the times of that. */
function withoutTimes(found: Lookup): unknown {
  const times = ['exited_at', 'closed_at'];
  return JSON.parse(
    JSON.stringify(found, (key, value: unknown) => (times.includes(key) ? 0 : value)),
  );
}

async function foundIn(engine: Engine, { found, contents }: Written): Promise<Outcome> {
  let outcome: Outcome = 'whole';
  const { processes } = await engine.list({ labels: [], limit: 10 });
  await engine.findExpired();
  await engine.leftovers();
  for (const [id, recorded] of found) {
    const now = await engine.find(id);
    if (typeof now === 'string') {
      outcome = 'lost';
    } else if (!isDeepStrictEqual(withoutTimes(now), withoutTimes(recorded))) {
      if (!contents.has('metadata.sqlite-wal')) throw new Error(`${id} is another one`);
      requireOlder(now, recorded);
      outcome = 'older';
    }
    const listed = processes.find(({ record }) => record.process_id === id);
    if (typeof now !== 'string' && !isDeepStrictEqual(listed, now)) {
      throw new Error(`${id} is listed as another one`);
    }
  }
  return outcome;
}

/** Without its newest transactions a process is as if the service had died before them. */
function requireOlder({ record, lifecycle }: StoredProcess, recorded: Lookup): void {
  if (typeof recorded === 'string') throw new Error('it was never there');
  const isSame = isDeepStrictEqual(record, recorded.record);
  const isEnd = lifecycle.state === 'failed' && lifecycle.failure_reason === 'server_restarted';
  if (!isSame || !(isEnd || lifecycle.state === 'closed')) {
    throw new Error(`${record.process_id} is ${lifecycle.state}`);
  }
}

const main = 'metadata.sqlite';
const pageBytes = 4096;

/** What SQLite must know of the file and of each page: bits of the first bytes; and the least cuts. */
function* heads(length: number, kind: Damage['kind']): Generator<Damage> {
  const places = kind === 'cut' ? [0, 1, 2, 99, 100] : [];
  for (let page = 0; kind === 'flip' && page < length / pageBytes; page += 1) {
    const bits = Array.from({ length: 8 * (page === 0 ? 112 : 12) }, (_, bit) => bit);
    places.push(...bits.map((bit) => 8 * pageBytes * page + bit));
  }
  for (const place of places) yield { name: main, kind, place };
}

/** The long form: a quarter of an hour for a closed store, hours for one with a journal. */
const isExhaustive = process.env['PROCESSION_TEST_EVERY_BIT'] !== undefined;

/** All ways to damage some files, or as many as are asked for at random. */
function* damagesOf({ contents }: Written, kind: Damage['kind'], seed: number): Generator<Damage> {
  const below = belowOf(seed);
  const names = [...contents.keys()];
  const lengthOf = (name: string): number =>
    (contents.get(name)?.length ?? 0) * (kind === 'flip' ? 8 : 1);
  if (isExhaustive) {
    for (const name of names) {
      for (let place = 0; place < lengthOf(name); place += 1) yield { name, kind, place };
    }
    return;
  }
  yield* heads(contents.get(main)?.length ?? 0, kind);
  for (let count = 0; count < 400; count += 1) {
    const name = names[below(names.length)] ?? '';
    yield { name, kind, place: below(lengthOf(name)) };
  }
}

function belowOf(seed: number): (end: number) => number {
  const random = seededRandom(seed);
  return (end) => Math.floor(random() * end);
}

describe.each(['closed', 'left'] as const)('the metadata of a store that was %s', (how) => {
  test.each(['flip', 'cut'] as const)(
    'is true, salvaged or refused in a sentence after a %s',
    { timeout: 3_600_000 },
    async (kind) => {
      const written = await write(how);
      const seed = Number(process.env['PROCESSION_TEST_SEED'] ?? 1);
      const outcomes = { whole: 0, lost: 0, salvaged: 0, older: 0, refused: 0 };
      const faults: string[] = [];
      for (const damage of damagesOf(written, kind, seed)) {
        try {
          outcomes[await outcomeOf(written, damage)] += 1;
        } catch (error) {
          faults.push(`${JSON.stringify(damage)}: ${String(error)}`);
        }
        if (faults.length === 10) break;
      }
      expect({ seed, faults }).toEqual({ seed, faults: [] });
      expect(outcomes.whole).toBeGreaterThan(0);
      if (isExhaustive) process.stdout.write(`${how}, ${kind}: ${JSON.stringify(outcomes)}\n`);
    },
  );
});
