import type { Process } from '../../src/protocol/process.ts';
import type { Claim } from './claim.ts';
import type { ServedLog } from './log.ts';

/** All that is known of one process after the restart: nothing here is taken on trust. */
export interface Evidence {
  /** What the dead service had told. */
  readonly claim: Claim;
  /** What the new one says. */
  readonly served: Served;
  /** What the child left on the host. */
  readonly traces: Traces;
}

/** What a service says of a process of an earlier life. */
export interface Served {
  /** Of `GET` of the process. */
  readonly status: number;
  readonly snapshot: Process | null;
  /** Its place in the list, if it has one. */
  readonly listed: Process | null;
  /** Its log from the beginning, in pages. */
  readonly paged: ServedLog | null;
  /** The same as SSE; null when the process is not over, for that would not end. */
  readonly streamed: ServedLog | null;
  /** The status of a stream from the end of the log. */
  readonly atEnd: number | null;
  /** The answer to its start once more; null when the start was not acknowledged. */
  readonly repeated: Repeated | null;
}

/** The answer to a start that had been acknowledged. */
export interface Repeated {
  readonly status: number;
  readonly isReplay: boolean;
  readonly process: Process | null;
}

/** What a child says itself. */
export interface Traces {
  /** What it was going to write, by stream. */
  readonly diary: Readonly<Record<string, Buffer>>;
  /** How often it was started. */
  readonly starts: number;
}
