import type { EventStream } from '../exec-backend.ts';
import { eventHeaders, preamble, sendEvents } from './event-response.ts';
import type { Exchange } from './exchange.ts';
import { openStream } from './exchange.ts';
import type { FrameStyle } from './frame.ts';
import { knownError } from './problem.ts';

/** How to follow: the stream of a backend, its style, and what is sent before it. */
export interface Following {
  readonly stream: EventStream;
  readonly style: FrameStyle;
  readonly heartbeatMs: number;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly firstFrame?: string;
}

/** Answers with the events of a stream, until its end or the reader's. */
export async function follow(exchange: Exchange, following: Following): Promise<void> {
  const { stream, style, heartbeatMs, status = 200, headers, firstFrame = '' } = following;
  try {
    const head = { status, headers: { ...eventHeaders(style.format), ...headers } };
    const response = openStream(exchange, head);
    if (response === null) return;
    await response.write(preamble(style.format) + firstFrame);
    await sendEvents({ stream, response, style, heartbeatMs });
  } catch (error) {
    if (!exchange.reply.raw.headersSent) throw error;
    exchange.request.log.error({ err: error }, 'stream cut by an error');
  } finally {
    stream.close();
  }
}

/**
 * Runs what opens a stream. Trouble that passes must not be final for an `EventSource`, so
 * for SSE it answers 200 and cuts: every client comes back. Null then.
 */
export async function openOrRetry<Opened>(
  exchange: Exchange,
  format: string,
  open: () => Promise<Opened>,
): Promise<Opened | null> {
  try {
    return await open();
  } catch (error) {
    if (format !== 'sse' || !passing.has(knownError(error).code)) throw error;
    exchange.request.log.warn({ err: error }, 'stream refused for now');
    const response = openStream(exchange, { status: 200, headers: eventHeaders('sse') });
    await response?.write(preamble('sse'));
    response?.cut();
    return null;
  }
}

const passing = new Set<string>(['store_unavailable', 'draining', 'internal_error']);
