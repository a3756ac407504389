import type { EventStream } from '../exec-backend.ts';
import { isTerminal } from '../exec-backend.ts';
import type { StreamEvent } from '../log/event.ts';
import type { FrameStyle } from './frame.ts';
import { encodeBatch, isShared } from './frame.ts';
import type { ResponseStream } from './response-stream.ts';

/** Milliseconds after which an SSE client reconnects by itself. */
const retryMs = 2000;

/** The headers of an event stream. */
export function eventHeaders(format: FrameStyle['format']): Record<string, string> {
  const type = format === 'sse' ? 'text/event-stream' : 'application/x-ndjson';
  return {
    'content-type': `${type}; charset=utf-8`,
    ...streamHeaders,
  };
}

/** The headers that keep a stream from being stored, transformed or buffered on its way. */
export const streamHeaders = {
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
  'x-content-type-options': 'nosniff',
  vary: 'Accept, Origin',
};

/** What a stream begins with, before its first event. */
export function preamble(format: FrameStyle['format']): string {
  return format === 'sse' ? `retry: ${retryMs}\n\n` : '';
}

/** What keeps a silent connection alive; no client takes it for an event. */
export function heartbeat(format: FrameStyle['format']): string {
  return format === 'sse' ? ':\n\n' : '\n';
}

/** What to send where, and how often to say something in silence. */
export interface EventResponse {
  readonly stream: EventStream;
  readonly response: ResponseStream;
  readonly style: FrameStyle;
  readonly heartbeatMs: number;
}

/**
 * Sends events until the stream is over or the reader is gone. Ends cleanly only after
 * `closed` or `failed`; after anything else, an error of the engine too, abruptly.
 */
export async function sendEvents({
  stream,
  response,
  style,
  heartbeatMs,
}: EventResponse): Promise<void> {
  const close = (): void => {
    stream.close();
  };
  response.closed.addEventListener('abort', close, { once: true });
  try {
    for (;;) {
      const events = await stream.next(heartbeatMs);
      if (events === null) break;
      const isTaken = await sendBatch(response, events, style);
      const last = events.at(-1);
      if (isTaken && last !== undefined && isTerminal(last)) {
        response.end();
        return;
      }
      if (!isTaken) break;
    }
    response.cut();
  } catch (error) {
    response.cut();
    throw error;
  } finally {
    stream.close();
  }
}

function sendBatch(
  response: ResponseStream,
  events: readonly StreamEvent[],
  style: FrameStyle,
): Promise<boolean> {
  if (events.length === 0) return response.write(heartbeat(style.format));
  const bytes = encodeBatch(events, style);
  return isShared(bytes) ? response.write(bytes) : response.handOver(bytes);
}
