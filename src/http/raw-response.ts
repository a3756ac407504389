import type { EventStream } from '../exec-backend.ts';
import type { ClosedEvent, LogEvent, OutputEvent, StreamEvent, StreamName } from '../log/event.ts';
import type { ResponseStream } from './response-stream.ts';

/** Which bytes to send, and up to where. */
export interface RawResponse {
  readonly stream: EventStream;
  readonly response: ResponseStream;
  /** One stream only; all of them in log order when it is null. */
  readonly only: StreamName | null;
  /** The last seq to send; null follows the log to `closed`. */
  readonly until: number | null;
  /** The trailers of a clean end, given the last seq that was covered. */
  readonly trailers: (lastSeq: number, closed: ClosedEvent | null) => Record<string, string>;
}

/** Long enough to be woken by output only; a raw stream has no heartbeat. */
const waitMs = 2_147_483_647;

/**
 * Sends the bare bytes of a log. Ends cleanly at `until` or after `closed`; abruptly when
 * eviction overtakes the reader, when the process fails, or when the service shuts down.
 */
export async function sendRaw(raw: RawResponse): Promise<void> {
  const { stream, response } = raw;
  const close = (): void => {
    stream.close();
  };
  response.closed.addEventListener('abort', close, { once: true });
  try {
    if (await copy(raw)) return;
    response.cut();
  } catch (error) {
    response.cut();
    throw error;
  } finally {
    stream.close();
  }
}

/** Copies until the clean end and ends the response; false when it has to be cut. */
async function copy({ stream, response, only, until, trailers }: RawResponse): Promise<boolean> {
  for (;;) {
    const events = (await stream.next(waitMs)) ?? [];
    const last = lastInOrder(events);
    if (last === null) return false;
    const bytes = bytesOf(events, only, until);
    if (bytes.length > 0 && !(await response.write(bytes))) return false;
    const closed = last.type === 'closed' ? last : null;
    if (closed === null && (until === null || last.seq < until)) continue;
    response.end(trailers(until ?? last.seq, closed));
    return true;
  }
}

/** The last event of a batch without a hole; null when the bytes stop or are incomplete. */
function lastInOrder(events: readonly StreamEvent[]): LogEvent | null {
  const last = events.at(-1);
  const isWhole = events.every(({ type }) => type !== 'gap');
  return isWhole && last !== undefined && 'seq' in last ? last : null;
}

function bytesOf(
  events: readonly StreamEvent[],
  only: StreamName | null,
  until: number | null,
): Buffer {
  const isWanted = (event: StreamEvent): event is OutputEvent =>
    event.type === 'output' &&
    (only === null || event.stream === only) &&
    (until === null || event.seq <= until);
  return Buffer.concat(events.filter(isWanted).map(({ chunk }) => chunk));
}
