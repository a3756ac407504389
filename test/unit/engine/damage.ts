import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A damaged file: the bytes from `at` up to `end` are not what was written. */
export interface Damage {
  readonly file: string;
  readonly what: string;
  readonly bytes: Buffer;
  readonly at: number;
  readonly end: number;
}

/** Every single bit of some bytes, flipped. */
export function* flippedBits(whole: Buffer, file: string): Generator<Damage> {
  for (let bit = 0; bit < 8 * whole.length; bit += 1) {
    const at = bit >> 3;
    const bytes = Buffer.from(whole);
    bytes.writeUInt8(whole.readUInt8(at) ^ (1 << (bit & 7)), at);
    yield { file, what: `bit ${bit} flipped`, bytes, at, end: at + 1 };
  }
}

/** Some bytes, cut at every length. */
export function* cuts(whole: Buffer, file: string): Generator<Damage> {
  for (let at = 0; at < whole.length; at += 1) {
    yield { file, what: `cut to ${at}`, bytes: whole.subarray(0, at), at, end: whole.length };
  }
}

/** Does damage to every file of a directory. */
export function* inEachFile(
  directory: string,
  damage: (whole: Buffer, file: string) => Iterable<Damage>,
): Generator<Damage> {
  for (const [file, whole] of contentsOf(directory)) yield* damage(whole, file);
}

/**
 * Damages a directory in each way, checks it, and restores all of its files. Throws with the first
 * ten ways in which it went wrong; else says how many there were.
 */
export async function withEach(
  directory: string,
  damages: Iterable<Damage>,
  check: (damage: Damage, place: number) => Promise<void> | void,
): Promise<number> {
  const files = contentsOf(directory);
  const faults: string[] = [];
  let place = 0;
  for (const damage of damages) {
    writeFileSync(join(directory, damage.file), damage.bytes);
    try {
      await check(damage, place);
    } catch (error) {
      faults.push(`${damage.file}, ${damage.what}: ${String(error)}`);
    }
    for (const [file, bytes] of files) restore(join(directory, file), bytes);
    place += 1;
    if (faults.length === 10) break;
  }
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return place;
}

/** To read a file costs less than to write it. */
function restore(path: string, bytes: Buffer): void {
  if (!readFileSync(path).equals(bytes)) writeFileSync(path, bytes);
}

function contentsOf(directory: string): [string, Buffer][] {
  return readdirSync(directory)
    .toSorted()
    .map((file) => [file, readFileSync(join(directory, file))]);
}
