/** The stream that a child wrote to; `pty` is both streams of a terminal. */
export type StreamName = 'stdout' | 'stderr' | 'pty';

/** Why a process is no longer running; the first reason stays. */
export type ExitReason = 'exited' | 'signaled' | 'timeout' | 'terminated' | 'server_shutdown';

/** Why a process can no longer be followed. */
export type FailureReason = 'owner_lost' | 'server_restarted';

/** How a process ended: `exit_code` is null after a signal, `signal` after an exit. */
export interface ExitStatus {
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly exit_reason: ExitReason;
}

/** Bytes of one stream, exactly as written; 1 to {@link outputEventBytesMax}. */
export interface OutputEvent {
  readonly type: 'output';
  readonly seq: number;
  readonly stream: StreamName;
  readonly chunk: Buffer;
}

/** The process was reaped; output of its descendants may follow. */
export interface ExitedEvent extends ExitStatus {
  readonly type: 'exited';
  readonly seq: number;
}

/** The last event of a log: the exit is known and every output stream has ended. */
export interface ClosedEvent extends ExitStatus {
  readonly type: 'closed';
  readonly seq: number;
  readonly output_incomplete: boolean;
}

/** An event with a number, as the log keeps it. */
export type LogEvent = OutputEvent | ExitedEvent | ClosedEvent;

/** Unsequenced end of a process that can no longer be followed; `last_seq` is the log's head. */
export interface FailedEvent {
  readonly type: 'failed';
  readonly last_seq: number;
  readonly message: string;
  readonly failure_reason: FailureReason | null;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly exit_reason: ExitReason | null;
}

/** Events `from_seq` to `to_seq`, both included, are not there (any more); `bytes` of output. */
export interface GapEvent {
  readonly type: 'gap';
  readonly from_seq: number;
  readonly to_seq: number;
  readonly bytes: number;
}

/**
 * What is appended to a log. A gap has one seq, and stands for output that could not be kept.
 */
export type AppendedEvent = LogEvent | GapEvent;

/** The reader fell behind the replay; what follows `after_seq` is in the retained output. */
interface LaggedEvent {
  readonly type: 'lagged';
  readonly after_seq: number;
}

/** The server shuts down; the stream goes on elsewhere or later from the same cursor. */
interface DrainingEvent {
  readonly type: 'draining';
}

/** What a reader of a stream can meet. */
export type StreamEvent = LogEvent | FailedEvent | GapEvent | LaggedEvent | DrainingEvent;

/**
 * Most bytes of one output event. 32 000 and not 32 768 because allocators round the
 * latter up by a quarter with the header that every store adds.
 */
export const outputEventBytesMax = 32_000;

/** Bytes of output that an event counts against a bound; control events count nothing. */
export function payloadBytes(event: AppendedEvent): number {
  return event.type === 'output' ? event.chunk.length : 0;
}

/** The number of an event; the last one that a gap stands for. */
export function seqOf(event: AppendedEvent): number {
  return event.type === 'gap' ? event.to_seq : event.seq;
}
