import { parseDecimal } from '../log/cursor.ts';
import type { StreamEvent } from '../log/event.ts';
import { readEvent } from './replies.ts';
import type { SseFrame } from './sse-parser.ts';

/** The event of a frame; null for one that this release does not know. Throws when damaged. */
export function decodeEvent(frame: SseFrame): StreamEvent | null {
  switch (frame.event) {
    case 'output': {
      const { type, seq, stream, encoding, chunk } = readEvent.output(frame);
      return { type, seq, stream, chunk: Buffer.from(chunk, encoding) };
    }
    case 'exited':
      return readEvent.exited(frame);
    case 'closed':
      return readEvent.closed(frame);
    case 'failed':
      return { ...readEvent.failed(frame), last_seq: lastSeqOf(frame) };
    case 'gap':
      return readEvent.gap(frame);
    case 'lagged': {
      const { type, after_seq } = readEvent.lagged(frame);
      return { type, after_seq };
    }
    case 'draining':
      return { type: 'draining' };
    default:
      return null;
  }
}

/** The id of a failure is one past its log. */
function lastSeqOf({ id }: SseFrame): number {
  return Math.max(0, (parseDecimal(id ?? '') ?? 0) - 1);
}
