import type { OutputEvent, StreamEvent } from '../log/event.ts';
import { allocate } from '../log/memory.ts';
import { isText } from '../log/utf8.ts';

/** How chunks are written; see docs/protocol.md. */
export type ChunkEncoding = 'utf8' | 'base64';

/** How a stream of events is written. */
export interface FrameStyle {
  readonly format: 'sse' | 'ndjson';
  readonly encoding: ChunkEncoding;
  /** Where a lagged reader goes on. */
  readonly outputUrl: (afterSeq: number) => string;
}

/** A chunk as JSON members. */
export function chunkText(
  chunk: Buffer,
  encoding: ChunkEncoding,
): { encoding: ChunkEncoding; chunk: string } {
  if (encoding === 'utf8' && isText(chunk)) return { encoding, chunk: chunk.toString('utf8') };
  return { encoding: 'base64', chunk: chunk.toString('base64') };
}

/**
 * A batch of events as bytes. The same array gives the same bytes without encoding it again,
 * so readers at the same place share them, see {@link isShared}; the array must not change.
 */
export function encodeBatch(events: readonly StreamEvent[], style: FrameStyle): Buffer {
  const cache = caches[style.format][style.encoding];
  const known = cache.get(events);
  if (known !== undefined) return known;
  const bytes = bytesOf(events.flatMap((event) => encodeEvent(event, style)));
  if (isShared(bytes)) cache.set(events, bytes);
  return bytes;
}

/** Whether others may get the same bytes of a batch; large ones are their reader's alone. */
export function isShared(bytes: Buffer): boolean {
  return bytes.length <= sharedBytesMax;
}

/** More than the batches that a hub keeps in memory come to. */
const sharedBytesMax = 128 * 1024;

/** An SSE frame: `event`, then one line of data, then `id`, which old clients need last. */
export function sseFrame(event: string, data: string, id: number | null): string {
  const idLine = id === null ? '' : `id: ${id}\n`;
  return `event: ${event}\ndata: ${data}\n${idLine}\n`;
}

/** Tells an SSE reader to come back; spreads the reconnects over 500 to 5000 ms. */
export function drainingFrame(): string {
  const retryMs = 500 + Math.floor(Math.random() * 4501);
  return `retry: ${retryMs}\n\n${sseFrame('draining', '{"type":"draining"}', null)}`;
}

type Cache = WeakMap<readonly StreamEvent[], Buffer>;

const caches: Record<FrameStyle['format'], Record<ChunkEncoding, Cache>> = {
  sse: { utf8: new WeakMap(), base64: new WeakMap() },
  ndjson: { utf8: new WeakMap(), base64: new WeakMap() },
};

/** One allocation for a whole batch, and no string of more than one chunk. */
function bytesOf(parts: readonly string[]): Buffer {
  const sizes = parts.map((part) => Buffer.byteLength(part));
  const bytes = allocate(sizes.reduce((sum, size) => sum + size, 0));
  let end = 0;
  for (const [place, part] of parts.entries()) {
    // As many bytes as characters is ASCII, which `latin1` copies without looking at it.
    end += bytes.write(part, end, sizes[place] === part.length ? 'latin1' : 'utf8');
  }
  return bytes;
}

function encodeEvent(event: StreamEvent, style: FrameStyle): string[] {
  if (event.type === 'output') return encodeOutput(event, style);
  const data = JSON.stringify(dataOf(event, style));
  if (style.format === 'ndjson') return [`${data}\n`];
  if (event.type === 'draining') return [drainingFrame()];
  return [sseFrame(event.type, data, idOf(event))];
}

/** Output is the hot path: text goes through JSON once, base64 is copied as it is. */
function encodeOutput({ seq, stream, chunk }: OutputEvent, style: FrameStyle): string[] {
  const isSse = style.format === 'sse';
  const before = isSse ? 'event: output\ndata: ' : '';
  const after = isSse ? `}\nid: ${seq}\n\n` : '}\n';
  const isUtf8 = style.encoding === 'utf8' && isText(chunk);
  const encoding = isUtf8 ? 'utf8' : 'base64';
  const head = `${before}{"type":"output","seq":${seq},"stream":"${stream}","encoding":"${encoding}","chunk":`;
  if (isUtf8) return [head, JSON.stringify(chunk.toString('utf8')), after];
  return [head, '"', chunk.toString('base64'), '"', after];
}

function dataOf(event: Exclude<StreamEvent, OutputEvent>, { outputUrl }: FrameStyle): object {
  if (event.type === 'lagged') return { ...event, output_url: outputUrl(event.after_seq) };
  if (event.type !== 'failed') return event;
  const { type, message, failure_reason, exit_code, signal, exit_reason } = event;
  return { type, message, failure_reason, exit_code, signal, exit_reason };
}

function idOf(event: Exclude<StreamEvent, OutputEvent>): number | null {
  switch (event.type) {
    case 'exited':
    case 'closed':
      return event.seq;
    case 'failed':
      return event.last_seq + 1;
    case 'gap':
      return event.to_seq;
    case 'lagged':
    case 'draining':
      return null;
  }
}
