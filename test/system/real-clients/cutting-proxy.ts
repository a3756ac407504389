import type { AddressInfo, Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { Connection } from './connection.ts';
import type { Cut } from './cuts.ts';
import { ExchangeLog } from './exchange-log.ts';

/** What stands between one reader and the service. */
export interface ProxyOptions {
  readonly upstream: string;
  /** Asked once for each connection on which a stream is asked for; null: never cut it. */
  readonly nextCut?: () => Cut | null;
  /**
   * Whether a FIN may fall inside the head of an answer. curl and, over plain HTTP, Chromium take
   * such a piece for a whole answer, so by default a cut there is a RST.
   */
  readonly headsByFin?: boolean;
  /** Bytes of the service after which it is held; not held by itself otherwise. */
  readonly holdAfterBytes?: number;
}

/**
 * A TCP proxy that is the network of one reader, at its worst. Bytes pass as they are, except
 * that `retry: 2000` becomes `retry: 0020`, so that a hundred reconnects take seconds. An answer
 * 204 is never cut: how often it was asked for is one of the facts to prove.
 */
export class CuttingProxy {
  readonly log = new ExchangeLog();
  /** Cuts so far, by how they were made. */
  readonly cuts = { fin: 0, rst: 0 };
  readonly #options: ProxyOptions;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #isHeld = false;
  #holdAfterBytes: number;

  private constructor(options: ProxyOptions) {
    this.#options = options;
    this.#holdAfterBytes = options.holdAfterBytes ?? Number.POSITIVE_INFINITY;
    this.#server = createServer((reader) => {
      this.#accept(reader);
    });
  }

  static async open(options: ProxyOptions): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(options);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    proxy.#server.listen(0, '127.0.0.1', () => {
      resolve(undefined);
    });
    await promise;
    return proxy;
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  /** Takes no more bytes of the service until {@link release}. */
  hold(): void {
    this.#isHeld = true;
    this.#holdAfterBytes = Number.POSITIVE_INFINITY;
    for (const connection of this.#connections) connection.hold();
  }

  release(): void {
    this.#isHeld = false;
    for (const connection of this.#connections) connection.release();
  }

  /** Cuts every connection now. */
  cutNow(): void {
    for (const connection of this.#connections) connection.cut(Buffer.alloc(0), false);
  }

  close(): void {
    this.#server.close();
    for (const connection of this.#connections) connection.destroy();
  }

  #accept(reader: Socket): void {
    const { upstream, nextCut = () => null, headsByFin = false } = this.#options;
    const { log, cuts } = this;
    const service = connect({ host: '127.0.0.1', port: Number(new URL(upstream).port) });
    const connection = new Connection({ reader, service, log, cuts, nextCut, headsByFin });
    this.#connections.add(connection);
    reader.once('close', () => this.#connections.delete(connection));
    service.on('data', (bytes) => {
      this.#holdAfterBytes -= bytes.length;
      if (this.#holdAfterBytes <= 0) this.hold();
    });
    if (this.#isHeld) connection.hold();
  }
}
