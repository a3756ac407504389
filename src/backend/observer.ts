import type { ExitReason } from '../log/event.ts';

/** Is told what happens to processes and their readers; must not throw. */
export interface Observer {
  /** A process runs; `spawnMs` passed between the request and the running child. */
  started(spawnMs: number): void;
  startFailed(code: string): void;
  exited(reason: ExitReason): void;
  /** Bytes of output were committed as `events`. */
  output(bytes: number, events: number): void;
  /** Bytes of output were dropped from a log to keep its bound. */
  evicted(bytes: number): void;
  /** An event stream was opened. */
  followed(): void;
  /** An event stream ended; `lagged`: because its reader fell behind. */
  unfollowed(reason: 'lagged' | 'ended'): void;
}
