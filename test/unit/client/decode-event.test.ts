import { describe, expect, it } from 'vitest';
import { decodeEvent } from '../../../src/client/decode-event.ts';
import type { SseFrame } from '../../../src/client/sse-parser.ts';

const exit = { exit_code: null, signal: 'SIGKILL', exit_reason: 'signaled' };
const failure = { type: 'failed', message: 'its owner was lost', failure_reason: 'owner_lost' };

function frame(data: { readonly type: string }, id: string | null = null): SseFrame {
  return { event: data.type, data: JSON.stringify(data), id };
}

describe('the event of a frame', () => {
  it.each([
    { type: 'exited', seq: 4, ...exit },
    { type: 'closed', seq: 5, ...exit, output_incomplete: true },
    { type: 'gap', from_seq: 1, to_seq: 3, bytes: 300 },
    { type: 'lagged', after_seq: 0 },
    { type: 'draining' },
  ])('$type has the members of its data', (event) => {
    expect(decodeEvent(frame(event))).toEqual(event);
  });

  it.each([
    ['utf8', 'é\n'],
    ['base64', 'w6kK'],
  ])('output in %s has the bytes', (encoding, chunk) => {
    const output = { type: 'output', seq: 1, stream: 'stderr', encoding, chunk };
    expect(decodeEvent(frame(output))).toEqual({
      type: 'output',
      seq: 1,
      stream: 'stderr',
      chunk: Buffer.from('é\n'),
    });
  });

  it.each([
    ['8', 7],
    ['1', 0],
    ['0', 0],
    [null, 0],
    ['', 0],
    ['abc', 0],
  ])('failed with the id %j ends a log at seq %i', (id, last_seq) => {
    expect(decodeEvent(frame({ ...failure, ...exit }, id))).toEqual({
      ...failure,
      ...exit,
      last_seq,
    });
  });

  it('is none for a name that this release does not know', () => {
    expect(decodeEvent(frame({ type: 'ticket_expiring' }))).toBeNull();
  });
});
