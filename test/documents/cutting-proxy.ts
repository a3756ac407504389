import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';

/** A way to a service on which connections break. */
export interface CuttingProxy {
  readonly url: string;
  /** How many connections it has broken. */
  readonly cuts: () => number;
}

/** Breaks each of the first `cutsMax` connections after so many bytes of its answer. */
export async function startCuttingProxy(
  target: string,
  { cutsMax, afterBytes }: { readonly cutsMax: number; readonly afterBytes: number },
): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target);
  let cuts = 0;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const service = connect({ host: hostname, port: Number(port) });
    for (const socket of [client, service]) {
      open.add(socket);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => {
        open.delete(socket);
        client.destroy();
        service.destroy();
      });
    }
    client.pipe(service);
    let restBytes = afterBytes;
    service.on('data', (bytes: Buffer) => {
      const isCut = cuts < cutsMax && bytes.length >= restBytes;
      client.write(isCut ? bytes.subarray(0, restBytes) : bytes);
      restBytes -= bytes.length;
      if (!isCut) return;
      cuts += 1;
      client.destroySoon();
      service.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  const { port: own } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${own}`, cuts: () => cuts };
}
