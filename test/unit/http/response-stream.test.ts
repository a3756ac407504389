import type { ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ResponseStream } from '../../../src/http/response-stream.ts';
import { allocate } from '../../../src/log/memory.ts';
import { eventually } from '../../support/eventually.ts';

interface Opened {
  readonly stream: ResponseStream;
  readonly raw: ServerResponse;
  readonly reader: Socket;
  /** All that the reader has taken, one character a byte. */
  readonly taken: () => string;
}

/** Longer than a test may take. */
const longMs = 60_000;

/** More than two sockets of this host hold. */
const much = 64 * 1024 * 1024;

/** A response whose head was sent, and a reader that takes nothing before it is resumed. */
async function opened(stallMs = longMs): Promise<Opened> {
  const response = Promise.withResolvers<ServerResponse>();
  const server = createServer((_request, raw) => {
    raw.writeHead(200).flushHeaders();
    response.resolve(raw);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const pieces: Buffer[] = [];
  const reader = connect(port, '127.0.0.1').pause();
  reader.on('error', () => undefined).on('data', (piece) => pieces.push(piece));
  reader.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  onTestFinished(() => {
    reader.destroy();
    server.closeAllConnections();
    server.close();
  });
  const raw = await response.promise;
  const taken = (): string => Buffer.concat(pieces).toString('latin1');
  return { stream: new ResponseStream(raw, stallMs), raw, reader, taken };
}

function lettersOf(size: number): Buffer {
  return allocate(size).fill('a');
}

/** As if this process was stopped: nothing of it runs. */
function holdUp(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function over(stream: ResponseStream): Promise<boolean> {
  return eventually(
    () => stream.closed.aborted,
    (isOver) => isOver,
  );
}

describe('bytes that are handed over', () => {
  it('have left when they are freed, so that the reader gets all of them', async () => {
    const { stream, reader, taken } = await opened();
    reader.resume();
    const bytes = lettersOf(100_000);
    expect(await stream.handOver(bytes)).toBe(true);
    expect(bytes.length).toBe(0);
    stream.end();
    await eventually(taken, (text) => text.endsWith('0\r\n\r\n'));
    expect(taken().split('\r\n\r\n')[1]).toBe(`186a0\r\n${'a'.repeat(100_000)}\r\n0`);
  });

  it('keep their memory until a slow reader has taken them', async () => {
    const { stream, reader, taken } = await opened();
    const bytes = lettersOf(much);
    let isSettled = false;
    const handedOver = stream.handOver(bytes).finally(() => (isSettled = true));
    const pause = (): unknown => reader.pause();
    reader.on('data', pause).resume();
    await eventually(taken, (text) => text.endsWith('aaa'));
    expect({ isSettled, length: bytes.length }).toEqual({ isSettled: false, length: much });
    reader.off('data', pause).resume();
    expect(await handedOver).toBe(true);
    expect(bytes.length).toBe(0);
    stream.end();
    await eventually(
      () => taken().length,
      (length) => length > much,
    );
    expect(taken().replaceAll(/a{1000}/g, '').length).toBeLessThan(2000);
  });

  it('are lost, and their memory is left alone, when the reader vanishes', async () => {
    const { stream, reader } = await opened();
    const bytes = lettersOf(much);
    const handedOver = stream.handOver(bytes);
    reader.destroy();
    expect(await handedOver).toBe(false);
    expect(bytes.length).toBe(much);
  });

  it('cut a reader that takes none of them for the stall time', async () => {
    const { stream } = await opened(100);
    const bytes = lettersOf(much);
    expect(await stream.handOver(bytes)).toBe(false);
    expect(await over(stream)).toBe(true);
    expect(bytes.length).toBe(much);
  });

  it('leave neither a timer nor a listener at the response', async () => {
    const { stream, raw, reader } = await opened();
    reader.resume();
    const listeners = (): unknown =>
      raw.eventNames().map((name) => [name, raw.listenerCount(name)]);
    const before = listeners();
    for (let turn = 0; turn < 3; turn += 1) await stream.handOver(lettersOf(1000));
    expect({ listeners: listeners(), timeout: raw.socket?.timeout }).toEqual({
      listeners: before,
      timeout: 0,
    });
  });
});

describe('a reader that takes bytes again', () => {
  it.each(['write', 'handOver'] as const)(
    'after this process was held up is not cut for the time of that: %s',
    async (method) => {
      const stallMs = 1000;
      const { stream, reader } = await opened(stallMs);
      const sent = stream[method](lettersOf(much));
      // Node forgives a timer that is due while the first part of a write leaves; the next counts.
      await sleep(1.25 * stallMs);
      holdUp(1.25 * stallMs);
      reader.resume();
      expect(await sent).toBe(true);
    },
  );
});

describe('a response that is over', () => {
  it('takes nothing more', async () => {
    const { stream, reader } = await opened();
    reader.destroy();
    await over(stream);
    const bytes = lettersOf(100_000);
    expect(await stream.write('a')).toBe(false);
    expect(await stream.handOver(bytes)).toBe(false);
    expect(bytes.length).toBe(100_000);
  });

  it('by its proper end cannot be cut, and its connection serves the next request', async () => {
    const { stream, reader, taken } = await opened();
    reader.resume();
    stream.end();
    await over(stream);
    stream.cut();
    reader.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
    const heads = await eventually(
      () => taken().match(/HTTP\/1.1 200 OK/g),
      (found) => found?.length === 2,
    );
    expect(heads).toEqual(['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK']);
  });
});
