import type { WakeStream } from '../exec-backend.ts';
import { eventHeaders, heartbeat, preamble } from './event-response.ts';
import type { Exchange } from './exchange.ts';
import { openStream } from './exchange.ts';
import { drainingFrame, sseFrame } from './frame.ts';
import type { ResponseStream } from './response-stream.ts';

/** What to follow, and how often to say something in silence. */
export interface HeadFollowing {
  readonly stream: WakeStream;
  readonly heartbeatMs: number;
}

/**
 * Answers with the newest seq, now and on each change. While the reader is blocked nothing
 * is queued: it gets the newest one next. Ends abruptly when the backend fails.
 */
export async function followHead(exchange: Exchange, following: HeadFollowing): Promise<void> {
  const { stream } = following;
  try {
    const response = openStream(exchange, { status: 200, headers: eventHeaders('sse') });
    if (response === null) return;
    response.closed.addEventListener('abort', () => {
      stream.close();
    });
    await response.write(preamble('sse'));
    await sendHead(response, following).catch((error: unknown) => {
      response.cut();
      throw error;
    });
  } finally {
    stream.close();
  }
}

async function sendHead(response: ResponseStream, following: HeadFollowing): Promise<void> {
  for (;;) {
    const wake = await following.stream.next(following.heartbeatMs);
    if (wake === null) break;
    if (wake === 'idle') {
      await response.write(heartbeat('sse'));
      continue;
    }
    if (wake === 'draining') {
      await response.write(drainingFrame());
      break;
    }
    const data = JSON.stringify({ type: 'wake', seq: wake.seq });
    await response.write(sseFrame('wake', data, wake.seq));
    if (wake.closed || wake.failed) {
      response.end();
      return;
    }
  }
  response.cut();
}
