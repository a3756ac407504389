import type { Server as HttpServer, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { countDown } from './countdown.ts';

/** Answers what could not be read, and closes the connection. */
export type ClientErrorHandler = (error: Error & { code?: string }, socket: Socket) => void;

/**
 * Looks once more before it gives a connection up. When this process was stopped, the timers
 * of Node that are due run before the request is read that came meanwhile.
 */
export class LateRequests {
  readonly #msMax: number;
  /** The response to the newest request of each connection. */
  readonly #newest = new WeakMap<Socket, ServerResponse>();

  /** Headers whose time was over get `msMax` once more when some of them have just come. */
  constructor(msMax: number) {
    this.#msMax = msMax;
  }

  /** Watches the requests of a server, and its connections that wait for the next one. */
  watch(server: HttpServer): void {
    server.on('request', ({ socket }, response) => {
      this.#newest.set(socket, response);
    });
    server.on('timeout', (socket: Socket) => {
      // A response under way sets and obeys a time of its own.
      if (this.#newest.get(socket)?.writableFinished === false) return;
      ifNothingCame(socket, () => socket.destroy());
    });
  }

  /** The same handler, but it waits for headers that are being read. */
  patient(answer: ClientErrorHandler): ClientErrorHandler {
    return (error, socket) => {
      if (error.code !== 'ERR_HTTP_REQUEST_TIMEOUT') {
        answer(error, socket);
        return;
      }
      const before = this.#newest.get(socket);
      const giveUp = (): void => {
        if (this.#newest.get(socket) === before) answer(error, socket);
      };
      // Node looks at the headers of a connection no more once it has complained.
      ifNothingCame(socket, giveUp, () => countDown(this.#msMax, giveUp));
    };
  }
}

/** Reads what has come, and then does one or the other. */
function ifNothingCame(socket: Socket, act: () => void, otherwise?: () => void): void {
  const { bytesRead } = socket;
  setImmediate(() => {
    if (socket.bytesRead === bytesRead) act();
    else otherwise?.();
  });
}
