import type { Hash } from 'node:crypto';
import { createHash } from 'node:crypto';

/** An event as a client gives it to its application. */
export interface GivenEvent {
  readonly type: string;
  readonly lastEventId: string;
  readonly data: string;
}

/** The names an application listens for. */
export const eventNames = [
  'output',
  'exited',
  'closed',
  'failed',
  'gap',
  'lagged',
  'draining',
] as const;

/** What an application has to show for a whole stream. */
export interface Account {
  readonly events: number;
  /** Where an event did not follow the one before it: a loss, a repeat or a wrong id. */
  readonly disorder: readonly string[];
  readonly exited: number;
  readonly closed: number;
  readonly last: string;
  readonly stdout: string;
  readonly stderr: string;
}

interface EventData {
  readonly seq?: number;
  readonly stream?: 'stdout' | 'stderr';
  readonly encoding?: BufferEncoding;
  readonly chunk?: string;
}

/** Where an application keeps account of the events it is given. */
export class Reading {
  readonly #counts: Record<string, number> = {};
  readonly #disorder: string[] = [];
  readonly #hashes: Record<'stdout' | 'stderr', Hash> = {
    stdout: createHash('sha256'),
    stderr: createHash('sha256'),
  };
  #seq = 0;
  #last = '';

  /** The seq of the newest event. */
  get seq(): number {
    return this.#seq;
  }

  /** The type of the newest event. */
  get last(): string {
    return this.#last;
  }

  readonly take = ({ type, lastEventId, data }: GivenEvent): void => {
    this.#counts[type] = (this.#counts[type] ?? 0) + 1;
    if (type === 'lagged' || type === 'draining') return;
    const { seq, stream, encoding, chunk = '' } = JSON.parse(data) as EventData;
    if (seq !== this.#seq + 1 || lastEventId !== String(seq)) {
      this.#disorder.push(`after ${this.#seq} came ${type} with id ${lastEventId}, seq ${seq}`);
    }
    if (stream !== undefined) this.#hashes[stream].update(Buffer.from(chunk, encoding));
    this.#seq = seq ?? this.#seq;
    this.#last = type;
  };

  account(): Account {
    const { output = 0, exited = 0, closed = 0 } = this.#counts;
    return {
      events: output + exited + closed,
      disorder: this.#disorder.slice(0, 5),
      exited,
      closed,
      last: this.#last,
      stdout: this.#hashes.stdout.copy().digest('hex'),
      stderr: this.#hashes.stderr.copy().digest('hex'),
    };
  }
}
