import type { AppendedEvent, ExitStatus, StreamName } from './event.ts';
import { outputEventBytesMax } from './event.ts';
import { allocate, free } from './memory.ts';
import { cutBefore, unfinishedTail } from './utf8.ts';

interface Run {
  readonly kind: 'run';
  readonly stream: StreamName;
  readonly chunks: Buffer[];
  readonly isLast: boolean;
}

interface Loss {
  readonly kind: 'loss';
  bytes: number;
}

type Pending =
  | Run
  | Loss
  | { readonly kind: 'exited'; readonly status: ExitStatus }
  | { readonly kind: 'closed'; readonly status: ExitStatus; readonly output_incomplete: boolean };

/**
 * Turns what a child does into numbered events. Chunks wait until {@link take}, so small
 * neighbours of one stream merge; streams never merge with each other and keep the order
 * of their arrival. An unfinished UTF-8 character is held back until its stream's next
 * chunk, {@link release} or {@link end}.
 */
export class LogWriter {
  #nextSeq = 1;
  #pending: Pending[] = [];
  #pendingBytes = 0;
  readonly #held = new Map<StreamName, Buffer>();

  /** Bytes of output that wait for {@link take}; held bytes are not among them. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Whether {@link take} would look at anything. */
  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  /** The unfinished characters held back; a new buffer each time one begins or grows. */
  get held(): ReadonlyMap<StreamName, Buffer> {
    return this.#held;
  }

  /** Adds bytes of one stream; the buffer must not be written to afterwards. */
  push(stream: StreamName, chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#pendingBytes += chunk.length;
    const last = this.#pending.at(-1);
    const merges = last?.kind === 'run' && last.stream === stream && !last.isLast;
    if (merges) last.chunks.push(chunk);
    else this.#pending.push({ kind: 'run', stream, chunks: [chunk], isLast: false });
  }

  /** Counts bytes of one stream that are dropped; neighbours become one gap with one number. */
  lose(stream: StreamName, bytes: number): void {
    const last = this.#pending.at(-1);
    const rest: Run = { kind: 'run', stream, chunks: [], isLast: true };
    if (last?.kind === 'loss') {
      last.bytes += bytes;
      this.#pending.splice(-1, 0, rest);
    } else this.#pending.push(rest, { kind: 'loss', bytes });
  }

  /** The stream has ended: nothing of it stays held back. */
  end(stream: StreamName): void {
    this.#pending.push({ kind: 'run', stream, chunks: [], isLast: true });
  }

  /** Lets go of what a stream holds back, unless its next bytes are here already. */
  release(stream: StreamName): void {
    const goesOn = this.#pending.some((item) => item.kind === 'run' && item.stream === stream);
    if (!goesOn) this.end(stream);
  }

  /** Adds the exit; at most once. */
  exited(status: ExitStatus): void {
    this.#pending.push({ kind: 'exited', status });
  }

  /** Adds the close, after which nothing may be added. */
  closed(status: ExitStatus, output_incomplete: boolean): void {
    for (const stream of ['stdout', 'stderr', 'pty'] as const) this.end(stream);
    this.#pending.push({ kind: 'closed', status, output_incomplete });
  }

  /** Numbers and returns what is pending, in order. */
  take(): AppendedEvent[] {
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    const events: AppendedEvent[] = [];
    for (const item of pending) this.#number(item, events);
    return events;
  }

  #number(item: Pending, events: AppendedEvent[]): void {
    if (item.kind === 'run') {
      this.#split(item.stream, this.#holdTail(item), events);
    } else if (item.kind === 'loss') {
      const seq = this.#nextSeq++;
      events.push({ type: 'gap', from_seq: seq, to_seq: seq, bytes: item.bytes });
    } else if (item.kind === 'exited') {
      events.push({ type: 'exited', seq: this.#nextSeq++, ...item.status });
    } else {
      const { status, output_incomplete } = item;
      events.push({ type: 'closed', seq: this.#nextSeq++, ...status, output_incomplete });
    }
  }

  #holdTail({ stream, chunks, isLast }: Run): Buffer {
    const bytes = joined(this.#held.get(stream), chunks);
    this.#held.delete(stream);
    const tail = isLast ? 0 : unfinishedTail(bytes);
    if (tail === 0) return bytes;
    this.#held.set(stream, Buffer.from(bytes.subarray(bytes.length - tail)));
    return bytes.subarray(0, bytes.length - tail);
  }

  #split(stream: StreamName, bytes: Buffer, events: AppendedEvent[]): void {
    for (let rest = bytes; rest.length > 0;) {
      const cut = cutBefore(rest, outputEventBytesMax);
      const chunk = rest.subarray(0, cut);
      events.push({ type: 'output', seq: this.#nextSeq++, stream, chunk });
      rest = rest.subarray(cut);
    }
  }
}

function joined(held: Buffer | undefined, chunks: Buffer[]): Buffer {
  const [first] = chunks;
  if (held === undefined && chunks.length === 1 && first !== undefined) return first;
  const parts = held === undefined ? chunks : [held, ...chunks];
  const bytes = allocate(parts.reduce((sum, part) => sum + part.length, 0));
  let end = 0;
  for (const part of parts) end += part.copy(bytes, end);
  free(chunks);
  return bytes;
}
