import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { onTestFinished } from 'vitest';

/** A way to a server that can be cut. */
export interface CuttingProxy {
  readonly url: string;
  /** How many connections were cut by it. */
  readonly cuts: number;
  /** How many connections of clients are open now. */
  readonly openConnections: number;
  /** Cuts what is open, and until {@link restore} everything new. */
  refuse(): void;
  restore(): void;
}

/** How many bytes in each direction a new connection carries before it is cut. */
export interface Budget {
  readonly up: number;
  readonly down: number;
}

/** A TCP proxy on a port of its own, closed at the end of the test. */
export async function openProxy(
  targetUrl: string,
  budget: () => Budget = () => ({ up: Infinity, down: Infinity }),
): Promise<CuttingProxy> {
  const clients = new Set<Socket>();
  const state = { cuts: 0, isRefusing: false };
  const server = createServer((client) => {
    if (state.isRefusing) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(Number(new URL(targetUrl).port), '127.0.0.1');
    const cut = (): void => {
      state.cuts += 1;
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    };
    clients.add(client);
    client.on('close', () => {
      clients.delete(client);
      upstream.destroy();
    });
    upstream.on('close', () => {
      client.destroySoon();
    });
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy());
    const { up, down } = budget();
    pass(client, upstream, { bytes: up, cut });
    pass(upstream, client, { bytes: down, cut });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const client of clients) client.destroy();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get cuts() {
      return state.cuts;
    },
    get openConnections() {
      return clients.size;
    },
    refuse() {
      state.isRefusing = true;
      for (const client of clients) client.resetAndDestroy();
    },
    restore() {
      state.isRefusing = false;
    },
  };
}

/** Copies with backpressure; the last bytes before the cut still arrive. */
function pass(from: Socket, to: Socket, limit: { bytes: number; cut: () => void }): void {
  let left = limit.bytes;
  from.on('data', (chunk: Buffer) => {
    const isOver = chunk.length >= left;
    const part = chunk.subarray(0, left);
    left -= part.length;
    if (isOver) {
      from.removeAllListeners('data');
      to.write(part, limit.cut);
    } else if (!to.write(part)) {
      from.pause();
      to.once('drain', () => from.resume());
    }
  });
  from.on('end', () => to.end());
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
