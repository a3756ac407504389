import type { Process } from '../../src/protocol/process.ts';
import type { Seen, WireEvent } from './log.ts';
import { seenOf } from './log.ts';

/** What a service has told of one process until it was killed: what must hold for ever. */
export interface Claim {
  /** The name of the start, which its label, its diary and its environment carry too. */
  readonly key: string;
  readonly body: StartBody;
  /** Whether it may lose old output to keep the bound. */
  readonly mayEvict: boolean;
  /** Null while nobody knows the one that the service chose. */
  readonly processId: string | null;
  readonly isAcknowledged: boolean;
  readonly removal: 'none' | 'asked' | 'done';
  /** What was told first and last, if anything was. */
  readonly told: readonly [first: Process, last: Process] | null;
  /** Whatever any reader was given, by seq. */
  readonly seen: ReadonlyMap<number, Seen>;
  /** The lines that were sent to its input, whether accepted or not. */
  readonly sent: readonly string[];
  /** What was wrong already before the kill. */
  readonly faults: readonly string[];
}

/** A request to start a process. */
export interface StartBody {
  readonly argv: readonly string[];
  readonly process_id?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly grace_ms: number;
  readonly tty?: boolean;
  readonly pipe_stdin?: boolean;
}

/** What can make a kill come at an unlucky instant. */
export type Told = 'started' | 'exited' | 'closed' | 'removed' | 'accepted';

/** Takes down what is told of one process. */
export class ClaimBook implements Claim {
  readonly key: string;
  readonly body: StartBody;
  readonly mayEvict: boolean;
  readonly seen = new Map<number, Seen>();
  readonly sent: string[] = [];
  readonly faults: string[] = [];
  readonly #onTold: (told: Told) => void;
  processId: string | null;
  isAcknowledged = false;
  removal: Claim['removal'] = 'none';
  told: [Process, Process] | null = null;

  constructor(start: Pick<Claim, 'key' | 'body' | 'mayEvict'>, onTold: (told: Told) => void) {
    this.key = start.key;
    this.body = start.body;
    this.mayEvict = start.mayEvict;
    this.processId = start.body.process_id ?? null;
    this.#onTold = onTold;
  }

  /** The start was answered. */
  acknowledge(processId: string): void {
    this.processId = processId;
    this.isAcknowledged = true;
    this.#onTold('started');
  }

  /** A removal was answered. */
  removed(): void {
    this.removal = 'done';
    this.#onTold('removed');
  }

  /** A write was answered. */
  accepted(): void {
    this.#onTold('accepted');
  }

  /** The process was shown. */
  tell(process: Process): void {
    const [first, last] = this.told ?? [process, process];
    this.told = [first, process.next_seq >= last.next_seq ? process : last];
  }

  /** A reader was given an event. */
  readonly give = (event: WireEvent): void => {
    const seen = seenOf(event);
    if (seen === null) return;
    const other = this.seen.get(seen.seq);
    if (other !== undefined && JSON.stringify(other) !== JSON.stringify(seen)) {
      this.faults.push(`readers were given two different events with seq ${seen.seq}`);
    }
    this.seen.set(seen.seq, seen);
    if (seen.type === 'exited' || seen.type === 'closed') this.#onTold(seen.type);
  };

  /** Takes down an answer that should not have come. */
  blame(fault: string): void {
    this.faults.push(fault);
  }
}
