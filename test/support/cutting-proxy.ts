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
  /** By RST if it is not said. */
  readonly by?: 'rst' | 'fin';
  /** The connection is spared when there were so many cuts. */
  readonly cutsMax?: number;
}

/** Makes so many cuts, each after so many bytes of answers. */
export function cutFirst(cutsMax: number, down: number, by: 'rst' | 'fin' = 'rst'): () => Budget {
  return () => ({ up: Infinity, down, by, cutsMax });
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
    const { up, down, by = 'rst', cutsMax = Infinity } = budget();
    const cut = (): void => {
      state.cuts += 1;
      if (by === 'rst') client.resetAndDestroy();
      else client.destroySoon();
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
    const mayCut = (): boolean => state.cuts < cutsMax;
    pass(client, upstream, { bytes: up, mayCut, cut });
    pass(upstream, client, { bytes: down, mayCut, cut });
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

/** When a direction of a connection is cut, and how. */
interface Limit {
  readonly bytes: number;
  readonly mayCut: () => boolean;
  readonly cut: () => void;
}

/** Copies with backpressure; the last bytes before the cut still arrive. */
function pass(from: Socket, to: Socket, { bytes, mayCut, cut }: Limit): void {
  let left = bytes;
  from.on('data', (chunk: Buffer) => {
    const isOver = chunk.length >= left && mayCut();
    const part = isOver ? chunk.subarray(0, left) : chunk;
    left -= part.length;
    if (isOver) {
      from.removeAllListeners('data');
      to.write(part, cut);
    } else if (!to.write(part)) {
      from.pause();
      to.once('drain', () => from.resume());
    }
  });
  from.on('end', () => to.end());
}
