import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { setImmediate as immediate } from 'node:timers/promises';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createServer } from '../../../src/http/server.ts';
import { eventually } from '../../support/eventually.ts';

const keepAliveMs = 400;

/** A connection to a server, and how many answers have come over it. */
async function connected(requestMsMax = 60_000): Promise<{ socket: Socket; text: () => string }> {
  const log = pino({ level: 'silent' });
  const app = createServer({ log, bodyBytesMax: 1000, requestMsMax });
  app.server.keepAliveTimeout = keepAliveMs;
  app.server.keepAliveTimeoutBuffer = 0;
  app.get('/', () => 'hello');
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const accepted = once(app.server, 'connection');
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let text = '';
  socket.on('error', () => undefined).on('data', (piece) => (text += String(piece)));
  onTestFinished(async () => {
    socket.destroy();
    await app.close();
  });
  await accepted;
  return { socket, text: () => text };
}

/** As if this process was stopped while it waits: timers that are due then run before all else. */
async function holdUp(ms: number, meanwhile?: () => void): Promise<void> {
  await immediate();
  meanwhile?.();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

const request = 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n';

describe('a connection that was used before', () => {
  it('is not closed over a request that came while this process was held up', async () => {
    const { socket, text } = await connected();
    for (const count of [1, 2, 3]) {
      await holdUp(2 * keepAliveMs, () => socket.write(request));
      await eventually(
        () => [text().split('hello').length - 1, socket.destroyed],
        ([answers, isGone]) => answers === count || isGone === true,
      );
      expect(text().split('hello').length - 1).toBe(count);
    }
  });

  it('is closed when nothing comes any more', async () => {
    const { socket, text } = await connected();
    socket.write(request);
    await eventually(text, (all) => all.endsWith('hello'));
    await eventually(
      () => socket.destroyed,
      (isGone) => isGone,
    );
  });
});

describe('headers that began to come before this process was held up', () => {
  it('have their time again, and are given up when the rest does not come', async () => {
    const { socket, text } = await connected(400);
    socket.write('GET / HTTP/1.1\r\n');
    await holdUp(1500, () => socket.write('host: localhost\r\n'));
    await immediate();
    await immediate();
    expect(text()).toBe('');
    await eventually(text, (all) => all.startsWith('HTTP/1.1 408 '));
  });
});
