import { ProcessionError } from '../errors.ts';

/** One dispatched event of an event stream; `id` null when the frame had none of its own. */
export interface SseFrame {
  readonly event: string;
  readonly data: string;
  readonly id: string | null;
}

/**
 * Parses an event stream (HTML, section 9.2.6) from bytes that may be split anywhere. A frame
 * that was cut before its empty line is never given. Throws for a frame larger than
 * {@link frameBytesMax}, so that no server can make it collect without end.
 */
export class SseParser {
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  #skipsLineFeed = false;
  #isFirstLine = true;
  #frame: UnfinishedFrame = emptyFrame();
  #retryMs: number | null = null;

  /** What the last `retry` said, in milliseconds; null before one came. */
  get retryMs(): number | null {
    return this.#retryMs;
  }

  /** The frames that these bytes complete. */
  push(bytes: Uint8Array): readonly SseFrame[] {
    const frames: SseFrame[] = [];
    let start = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at];
      if (byte !== lineFeed && byte !== carriageReturn) continue;
      const isPairEnd = byte === lineFeed && this.#skipsLineFeed && at === start;
      this.#skipsLineFeed = byte === carriageReturn;
      const line = bytes.subarray(start, at);
      start = at + 1;
      if (!isPairEnd) this.#line(this.#complete(line), frames);
    }
    this.#keep(bytes.subarray(start));
    return frames;
  }

  #keep(rest: Uint8Array): void {
    if (rest.length === 0) return;
    this.#skipsLineFeed = false;
    this.#pieces.push(rest);
    this.#pieceBytes += rest.length;
    if (this.#pieceBytes > frameBytesMax) throw tooLarge();
  }

  #complete(end: Uint8Array): string {
    const line = Buffer.concat([...this.#pieces, end]).toString('utf8');
    this.#pieces = [];
    this.#pieceBytes = 0;
    const text = this.#isFirstLine && line.startsWith('\uFEFF') ? line.slice(1) : line;
    this.#isFirstLine = false;
    return text;
  }

  #line(line: string, frames: SseFrame[]): void {
    if (line !== '') {
      const colon = line.indexOf(':');
      const name = colon === -1 ? line : line.slice(0, colon);
      const value = colon === -1 ? '' : line.slice(colon + 1);
      this.#field(name, value.startsWith(' ') ? value.slice(1) : value);
      return;
    }
    const { event, data, id } = this.#frame;
    if (data.length > 0) frames.push({ event: event || 'message', data: data.join('\n'), id });
    this.#frame = emptyFrame();
  }

  #field(name: string, value: string): void {
    if (name === 'event') this.#frame.event = value;
    if (name === 'data') this.#addData(value);
    if (name === 'id' && !value.includes('\0')) this.#frame.id = value;
    if (name === 'retry' && /^\d{1,9}$/.test(value)) this.#retryMs = Number(value);
  }

  #addData(value: string): void {
    this.#frame.data.push(value);
    this.#frame.dataChars += value.length + 1;
    if (this.#frame.dataChars > frameBytesMax) throw tooLarge();
  }
}

/** Many times what our largest event needs as base64. */
export const frameBytesMax = 1024 * 1024;

interface UnfinishedFrame {
  event: string;
  data: string[];
  dataChars: number;
  id: string | null;
}

function emptyFrame(): UnfinishedFrame {
  return { event: '', data: [], dataChars: 0, id: null };
}

function tooLarge(): ProcessionError {
  const detail = `a frame of the event stream is larger than ${frameBytesMax} bytes`;
  return new ProcessionError('internal_error', detail);
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
