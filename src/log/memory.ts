import type { AppendedEvent } from './event.ts';

/** Less is not worth the trouble. */
const ownedBytesMin = 16 * 1024;

const owned = new WeakSet<ArrayBufferLike>();

/**
 * Memory for much output. V8 collects no buffer before some 64 MiB of them have gathered, so
 * whoever uses such memory last gives it back with {@link free}.
 */
export function allocate(length: number): Buffer {
  return length < ownedBytesMin ? Buffer.allocUnsafe(length) : own(Buffer.allocUnsafeSlow(length));
}

/** Makes a buffer freeable that nobody else has. One that is a part of shared memory is not. */
export function own(buffer: Buffer): Buffer {
  const isWhole = buffer.length === buffer.buffer.byteLength;
  if (isWhole && buffer.length >= ownedBytesMin) owned.add(buffer.buffer);
  return buffer;
}

/**
 * Gives memory back that {@link allocate} or {@link own} made freeable, and no other. Whoever
 * still has a part of it finds that empty.
 */
export function free(buffers: readonly Buffer[]): void {
  for (const { buffer } of buffers) {
    if (owned.delete(buffer) && buffer instanceof ArrayBuffer) buffer.transfer(0);
  }
}

/** As {@link free}, for the chunks of events. */
export function freeChunks(events: readonly AppendedEvent[]): void {
  free(events.flatMap((event) => (event.type === 'output' ? [event.chunk] : [])));
}
