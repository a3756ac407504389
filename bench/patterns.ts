import { createCipheriv, createHash } from 'node:crypto';

/** What a child of a load case writes, and what its reader expects. */
export type PatternName = 'noise' | 'zeros' | 'text';

const blockBytes = 64 * 1024;

/** The blocks of a pattern, `bytes` in all (of `text` whole blocks); valid until the next one. */
export function* blocksOf(name: PatternName, bytes: number): Generator<Buffer, void, undefined> {
  const next = makers[name]();
  for (let left = bytes; left > 0;) {
    const block = next();
    yield name === 'text' ? block : block.subarray(0, left);
    left -= block.length;
  }
}

/** The SHA-256 of a pattern and its true length. */
export function digestOf(name: PatternName, bytes: number): { sha256: string; bytes: number } {
  const hash = createHash('sha256');
  let total = 0;
  for (const block of blocksOf(name, bytes)) {
    hash.update(block);
    total += block.length;
  }
  return { sha256: hash.digest('hex'), bytes: total };
}

const makers: Record<PatternName, () => () => Buffer> = {
  zeros: () => {
    const zeros = Buffer.alloc(blockBytes);
    return () => zeros;
  },
  noise: keystream,
  text: () => {
    const noise = keystream();
    return () => Buffer.from(textOf(noise().subarray(0, blockBytes / 4)));
  },
};

/** Every block differs and all bytes occur, so a lost, repeated or moved block shows. */
function keystream(): () => Buffer {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16, 2));
  const zeros = Buffer.alloc(blockBytes);
  return () => cipher.update(zeros);
}

/** Lines of different lengths with characters of one to four bytes. */
function textOf(noise: Buffer): string {
  const lines: string[] = [];
  for (let start = 0; start < noise.length;) {
    const end = start + 24 + ((noise[start] ?? 0) % 32);
    lines.push(`läuft – ✓ 🎺 ${noise.toString('hex', start, end)}\n`);
    start = end;
  }
  return lines.join('');
}
