import { createHash } from 'node:crypto';

/** An event as it comes over the wire, in a frame or a page. */
export interface WireEvent {
  readonly type: string;
  readonly seq?: number;
  readonly stream?: string;
  readonly encoding?: BufferEncoding;
  readonly chunk?: string;
  readonly exit_code?: number | null;
  readonly signal?: string | null;
  readonly exit_reason?: string | null;
  readonly output_incomplete?: boolean;
  readonly from_seq?: number;
  readonly to_seq?: number;
  readonly bytes?: number;
}

/** What is remembered of an event that has a number: enough to tell whether it comes again. */
export interface Seen {
  readonly seq: number;
  readonly type: string;
  readonly stream: string | null;
  readonly bytes: number;
  /** Of its bytes; of a control event what it says. */
  readonly digest: string;
}

/** A range of events that is said to be evicted. */
export interface Gap {
  readonly from_seq: number;
  readonly to_seq: number;
  readonly bytes: number;
}

/** How a reading came to its end. */
export type End = 'clean' | 'cut' | 'late' | number;

/** A log as it was served from the beginning. */
export interface ServedLog {
  readonly events: readonly Seen[];
  readonly gaps: readonly Gap[];
  /** The bytes of each stream, put together. */
  readonly output: Readonly<Record<string, Buffer>>;
  readonly hasFailed: boolean;
  readonly end: End;
}

/** Puts together what a reader is given. */
export class LogCollector {
  readonly #events: Seen[] = [];
  readonly #gaps: Gap[] = [];
  readonly #chunks: Record<string, Buffer[]> = {};
  #hasFailed = false;

  readonly take = (event: WireEvent): void => {
    if (event.type === 'failed') this.#hasFailed = true;
    if (event.type === 'gap') this.#gaps.push(gapOf(event));
    const seen = seenOf(event);
    if (seen !== null) this.#events.push(seen);
    if (event.type === 'output') (this.#chunks[event.stream ?? ''] ??= []).push(bytesOf(event));
  };

  served(end: End): ServedLog {
    const streams = Object.entries(this.#chunks);
    const output = Object.fromEntries(streams.map(([name, all]) => [name, Buffer.concat(all)]));
    const hasFailed = this.#hasFailed;
    return { events: this.#events, gaps: this.#gaps, output, hasFailed, end };
  }
}

/** What to remember of an event; null when it has no place in the log. */
export function seenOf(event: WireEvent): Seen | null {
  const { type, seq, stream = null } = event;
  if (seq === undefined) return null;
  if (type === 'output') {
    const bytes = bytesOf(event);
    return { seq, type, stream, bytes: bytes.length, digest: digestOf(bytes) };
  }
  if (type !== 'exited' && type !== 'closed') return null;
  const { exit_code, signal, exit_reason, output_incomplete = null } = event;
  const digest = JSON.stringify([exit_code, signal, exit_reason, output_incomplete]);
  return { seq, type, stream, bytes: 0, digest };
}

/** Stands for bytes. */
export function digestOf(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}

function bytesOf({ chunk = '', encoding }: WireEvent): Buffer {
  return Buffer.from(chunk, encoding);
}

function gapOf({ from_seq = 0, to_seq = 0, bytes = 0 }: WireEvent): Gap {
  return { from_seq, to_seq, bytes };
}
