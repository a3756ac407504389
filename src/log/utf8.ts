import { isUtf8 } from 'node:buffer';

/**
 * Length of an unfinished UTF-8 character at the end of `bytes`, 0 to 3. Bytes that cannot
 * begin or continue a character count as finished.
 */
export function unfinishedTail(bytes: Buffer): number {
  const reach = Math.min(3, bytes.length);
  for (let back = 1; back <= reach; back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (isContinuation(byte)) continue;
    return isBegin(bytes.subarray(bytes.length - back), characterLength(byte)) ? back : 0;
  }
  return 0;
}

/** Completed with the lowest bytes it is valid, unless it is overlong, a surrogate or too high. */
function isBegin(tail: Buffer, length: number): boolean {
  if (tail.length === 1) return length > 1;
  return tail.length < length && isUtf8(Buffer.concat([tail], length).fill(0x80, tail.length));
}

/** The largest cut of at most `max` bytes that does not divide a character of valid UTF-8. */
export function cutBefore(bytes: Buffer, max: number): number {
  if (bytes.length <= max) return bytes.length;
  const tail = unfinishedTail(bytes.subarray(0, max));
  return tail > 0 && tail < max ? max - tail : max;
}

/** Whether a chunk can be written as text: valid UTF-8 without NUL. */
export function isText(chunk: Buffer): boolean {
  return isUtf8(chunk) && !chunk.includes(0);
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

function characterLength(lead: number): number {
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  return lead >= 0xf0 && lead <= 0xf4 ? 4 : 1;
}
