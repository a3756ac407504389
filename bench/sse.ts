import type { IncomingMessage } from 'node:http';
import { buffersOf } from './client.ts';

/** One event of a stream; `data` is not parsed yet. */
export interface Frame {
  readonly event: string;
  readonly data: Buffer;
  readonly id: number | null;
}

/** The events of a stream, in batches as they arrive. Throws when it is cut. */
export async function* framesOf(response: IncomingMessage): AsyncGenerator<Frame[]> {
  let rest = Buffer.alloc(0);
  for await (const piece of buffersOf(response)) {
    const block: Buffer = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    const frames: Frame[] = [];
    let start = 0;
    for (let end = block.indexOf('\n\n'); end !== -1; end = block.indexOf('\n\n', start)) {
      const frame = frameOf(block.subarray(start, end));
      if (frame !== null) frames.push(frame);
      start = end + 2;
    }
    rest = Buffer.from(block.subarray(start));
    if (frames.length > 0) yield frames;
  }
}

const dataAt = Buffer.from('\ndata: ');
const idAt = Buffer.from('\nid: ');
const chunkAt = Buffer.from('"encoding":"base64","chunk":"');

/** Null for a comment or a `retry`. */
function frameOf(block: Buffer): Frame | null {
  const data = block.indexOf(dataAt);
  if (data === -1) return null;
  const id = block.lastIndexOf(idAt);
  const event = block.toString('latin1', 'event: '.length, data);
  const dataEnd = id === -1 ? block.length : id;
  const number = id === -1 ? null : Number(block.toString('latin1', id + idAt.length));
  return { event, data: block.subarray(data + dataAt.length, dataEnd), id: number };
}

/** The bytes of an output event. Base64 needs no unescaping, so it skips the JSON parser. */
export function outputOf({ data }: Frame): Buffer {
  const at = data.subarray(0, 128).indexOf(chunkAt);
  if (at !== -1) {
    return Buffer.from(data.toString('latin1', at + chunkAt.length, data.length - 2), 'base64');
  }
  return Buffer.from(member(data, 'chunk'));
}

/** A member of an event's data as text. */
export function member(data: Buffer, name: string): string {
  const value: unknown = JSON.parse(data.toString());
  if (typeof value !== 'object' || value === null) throw new Error('expected an object');
  const found: unknown = new Map(Object.entries(value)).get(name);
  if (typeof found !== 'string' && typeof found !== 'number') throw new Error(`no ${name}`);
  return String(found);
}
