import type { IncomingMessage } from 'node:http';
import { ProcessionError } from '../errors.ts';
import { countDown } from './countdown.ts';
import type { Server } from './server.ts';

/** A raw body of any length, read only as fast as it is asked for. */
export class Upload implements AsyncIterable<Buffer> {
  readonly #request: IncomingMessage;
  readonly #silenceMsMax: number;

  constructor(request: IncomingMessage, silenceMsMax: number) {
    this.#request = request;
    this.#silenceMsMax = silenceMsMax;
  }

  /**
   * The pieces as they arrive. Throws `request_timeout` when one was asked for and none came
   * in time, and when the client has gone away. Leaving early keeps the connection: the rest
   * is read and dropped, since the next request comes behind it.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    const pieces: AsyncIterator<Buffer> = this.#request.iterator({ destroyOnReturn: false });
    try {
      for (;;) {
        const piece: IteratorResult<Buffer, unknown> = await this.#inTime(pieces.next());
        if (piece.done === true) return;
        yield piece.value;
      }
    } finally {
      void this.#drain(pieces);
      this.#request.resume();
    }
  }

  /**
   * Reads on to the end for nobody, or the connection could carry no further request. Not
   * awaited: it also waits for a piece that did not come in time. The stream learns a turn
   * later that its iterator has gone, and resumes only then.
   */
  async #drain(pieces: AsyncIterator<Buffer>): Promise<void> {
    await pieces.return?.();
    setImmediate(() => this.#request.resume());
  }

  async #inTime<Result>(piece: Promise<Result>): Promise<Result> {
    const late = Promise.withResolvers<never>();
    const stop = countDown(this.#silenceMsMax, () => {
      const detail = `no byte of the body came for ${this.#silenceMsMax} ms`;
      late.reject(new ProcessionError('request_timeout', detail));
    });
    try {
      return await Promise.race([piece, late.promise]);
    } finally {
      stop();
    }
  }
}

/** Lets the routes of `scope` take raw bodies, as an {@link Upload}. */
export function acceptUploads(
  scope: Pick<Server, 'addContentTypeParser'>,
  silenceMsMax: number,
): void {
  scope.addContentTypeParser('application/octet-stream', (request, _payload, done) => {
    done(null, new Upload(request.raw, silenceMsMax));
  });
}
