import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Http } from '../../../src/client/http.ts';
import { RemoteEventStream } from '../../../src/client/remote-event-stream.ts';
import { SseConnection } from '../../../src/client/sse-connection.ts';
import type { EventStream } from '../../../src/exec-backend.ts';
import { microtasks } from '../replica/fixtures.ts';
import { closedEvent, closedFrame } from './scripted-server.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** Longer than a test lets pass. */
const longMs = 60_000;

interface Played {
  readonly stream: EventStream;
  /** The bodies of the connections that were opened, in order. */
  readonly bodies: readonly PassThrough[];
}

/** A stream whose connections the test plays; each opens at once. */
function played(): Played {
  const http = new Http('http://127.0.0.1:9', longMs);
  onTestFinished(() => http.close());
  const closing = new AbortController();
  const bodies: PassThrough[] = [];
  const connect = (): SseConnection => {
    const body = new PassThrough();
    bodies.push(body);
    return new SseConnection(http, body, closing.signal);
  };
  const stream = new RemoteEventStream({
    connection: connect(),
    after_seq: 0,
    open: () => Promise.resolve({ kind: 'stream', connection: connect() }),
    closing,
    limits: { recoverMs: 800, reconnectMsMax: 5, closed: http.closed },
  });
  return { stream, bodies };
}

/** Ends the newest connection, and lets the pause before the next one pass. */
async function cut(bodies: readonly PassThrough[]): Promise<void> {
  bodies.at(-1)?.end();
  await microtasks();
  await vi.advanceTimersByTimeAsync(5);
}

describe('a stream whose server is away again and again', () => {
  it('has failed when no connection stands for a second', async () => {
    const { stream, bodies } = played();
    const next = stream.next(longMs);
    await cut(bodies);
    vi.advanceTimersByTime(999);
    await cut(bodies);
    expect(await next).toEqual([
      {
        type: 'failed',
        last_seq: 0,
        message: 'the server was gone for 800 ms: the event stream ended before its last event',
        failure_reason: null,
        exit_code: null,
        signal: null,
        exit_reason: null,
      },
    ]);
    expect(bodies.length).toBe(2);
  });

  it('goes on when one stood for a second, even without an event', async () => {
    const { stream, bodies } = played();
    const next = stream.next(longMs);
    await cut(bodies);
    bodies.at(-1)?.write(':\n\n');
    vi.advanceTimersByTime(1000);
    await cut(bodies);
    expect(bodies.length).toBe(3);
    bodies.at(-1)?.write(closedFrame(1));
    expect(await next).toEqual([closedEvent(1)]);
  });
});

describe('a stream that is closed', () => {
  it('is over after the wait under way, even when its connection hangs', async () => {
    const { stream } = played();
    const first = stream.next(100);
    await vi.advanceTimersByTimeAsync(100);
    expect(await first).toEqual([]);
    const second = stream.next(100);
    stream.close();
    await vi.advanceTimersByTimeAsync(100);
    expect(await second).toBeNull();
  });
});
