import type { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { StreamName } from '../log/event.ts';
import { own } from '../log/memory.ts';

/** Where output goes. A promise asks the source to wait for it. */
export interface OutputSink {
  output(stream: StreamName, chunk: Buffer): Promise<void> | null;
  end(stream: StreamName): void;
}

/** Longest that an exit waits for the output that the kernel had accepted before it. */
const settleMsMax = 20;

/** Moves the output streams of one child into a sink, byte for byte. */
export class OutputPump {
  readonly #streams: readonly Readable[];
  readonly #ended: Promise<unknown>;
  #openStreams = 0;
  #chunks = 0;

  constructor(outputs: ReadonlyMap<StreamName, Readable>, sink: OutputSink) {
    this.#streams = [...outputs.values()];
    this.#ended = Promise.all(
      [...outputs].map(([name, readable]) => this.#pump(name, readable, sink)),
    );
  }

  /** Resolves when every stream has ended; never rejects. */
  get ended(): Promise<unknown> {
    return this.#ended;
  }

  /** Whether every stream has ended. */
  get hasEnded(): boolean {
    return this.#openStreams === 0;
  }

  /**
   * Waits until what was in the pipes has been read: a turn of the event loop brings nothing,
   * the streams have ended, or 20 ms have passed.
   */
  async settle(): Promise<void> {
    const deadline = performance.now() + settleMsMax;
    for (let seen = -1; seen !== this.#chunks && performance.now() < deadline;) {
      if (this.#openStreams === 0) return;
      seen = this.#chunks;
      await nextTurn();
      await nextTurn();
    }
  }

  /** Gives up on streams that a descendant keeps open. */
  abandon(): void {
    for (const stream of this.#streams) stream.destroy();
  }

  #pump(name: StreamName, readable: Readable, sink: OutputSink): Promise<void> {
    this.#openStreams += 1;
    readable.on('data', (chunk: Buffer) => {
      this.#chunks += 1;
      const room = sink.output(name, own(chunk));
      if (room !== null) void pauseUntil(readable, room);
    });
    const { promise, resolve } = Promise.withResolvers<undefined>();
    readable.once('error', () => readable.destroy());
    readable.once('close', () => {
      this.#openStreams -= 1;
      sink.end(name);
      resolve(undefined);
    });
    return promise;
  }
}

async function pauseUntil(readable: Readable, room: Promise<void>): Promise<void> {
  readable.pause();
  await room;
  readable.resume();
}
