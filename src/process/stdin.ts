import { ProcessionError } from '../errors.ts';
import type { WriteParams, WriteResult } from '../exec-types.ts';
import { Fingerprint } from './fingerprint.ts';
import { piecesUntil } from './pieces.ts';
import type { ChildStdin } from './spawner.ts';
import { StdinPipe } from './stdin-pipe.ts';
import type { WriteRecord } from './write-memory.ts';
import { WriteMemory } from './write-memory.ts';

/** Bounds of a {@link StdinQueue}. */
export interface StdinLimits {
  /** Bytes that were accepted and are not in the kernel yet. */
  readonly queueBytesMax: number;
  /** How long a full queue may stand still before a write is refused. */
  readonly stallMs: number;
  /** How many `write_id`s are remembered, the newest. */
  readonly writeIdsMax: number;
}

/**
 * The standard input of one process. One write owns it at a time, others wait in order of
 * arrival. Bytes are accepted as the child reads; what was accepted stays accepted, however
 * the write ends.
 */
export class StdinQueue {
  readonly #pipe: StdinPipe;
  readonly #limits: StdinLimits;
  readonly #memory: WriteMemory;
  #lastTurn: Promise<void> = Promise.resolve();
  #stdinBytes = 0;

  /** `stdin` null: the standard input was never opened. */
  constructor(stdin: ChildStdin | null, limits: StdinLimits) {
    this.#pipe = new StdinPipe(stdin, limits.queueBytesMax);
    this.#limits = limits;
    this.#memory = new WriteMemory(limits.writeIdsMax);
  }

  /** Whether a new write could be accepted. */
  get isOpen(): boolean {
    return this.#pipe.isOpen;
  }

  /**
   * Accepts all bytes, or rejects: `stdin_closed`, `stdin_full` (both say how many bytes of
   * this request were accepted), `write_id_conflict`, or what the iterable threw.
   *
   * With a `write_id` a write that was completed is answered again and not written again, and
   * one that stopped part-way goes on where it stopped; `eof` counts as part of the bytes.
   *
   * An iterable is asked for its next piece when the last one was accepted; when the write
   * stops before its end its `return` is called. Bytes must not change after they were given.
   */
  async write(params: WriteParams): Promise<WriteResult> {
    const record = this.#memory.get(params.write_id);
    if (record?.state === 'complete') return answerAgain(record, params);
    return this.#inTurn(() => this.#writeInTurn(params));
  }

  /** The process is gone: drops what waits to be read and rejects every write that waits. */
  close(): void {
    this.#pipe.close();
  }

  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const earlier = this.#lastTurn;
    const turn = Promise.withResolvers<undefined>();
    this.#lastTurn = turn.promise;
    await earlier;
    try {
      return await work();
    } finally {
      turn.resolve(undefined);
    }
  }

  async #writeInTurn(params: WriteParams): Promise<WriteResult> {
    const record = this.#memory.get(params.write_id);
    if (record?.state === 'complete') return answerAgain(record, params);
    const accepted = record?.accepted ?? new Fingerprint();
    if (!this.#pipe.isOpen) throw closed(accepted.bytes);
    for await (const piece of unacceptedPieces(params, accepted, this.#pipe.closed)) {
      await this.#accept(piece, accepted, params.write_id);
    }
    if (this.#pipe.closed.aborted) throw closed(accepted.bytes);
    return this.#complete(params, accepted);
  }

  async #accept(piece: Uint8Array, accepted: Fingerprint, id: string | undefined): Promise<void> {
    for (let rest = piece; rest.length > 0;) {
      const outcome = await this.#pipe.waitForRoom(this.#limits.stallMs);
      if (outcome === 'closed') throw closed(accepted.bytes);
      if (outcome === 'stalled') throw this.#full(accepted.bytes);
      const part = rest.subarray(0, this.#pipe.roomBytes);
      this.#pipe.push(part);
      this.#stdinBytes += part.length;
      accepted.update(part);
      this.#memory.set(id, { state: 'partial', accepted });
      rest = rest.subarray(part.length);
    }
  }

  #complete({ write_id, eof = false }: WriteParams, accepted: Fingerprint): WriteResult {
    if (eof) this.#pipe.end();
    const result: WriteResult = {
      status: 'accepted',
      accepted_bytes: accepted.bytes,
      stdin_bytes: this.#stdinBytes,
    };
    this.#memory.set(write_id, { state: 'complete', accepted, eof, result });
    return result;
  }

  #full(acceptedBytes: number): ProcessionError {
    const detail =
      `The child has read nothing for ${this.#limits.stallMs} ms and ` +
      `${this.#limits.queueBytesMax} bytes wait for it; ${acceptedBytes} bytes were accepted.`;
    const members = { accepted_bytes: acceptedBytes, stdin_bytes: this.#stdinBytes };
    return new ProcessionError('stdin_full', detail, members);
  }
}

/** Answers a repeated write without writing. */
async function answerAgain(
  { accepted, eof, result }: Extract<WriteRecord, { state: 'complete' }>,
  params: WriteParams,
): Promise<WriteResult> {
  if ((params.eof ?? false) !== eof) throw conflict();
  const neverAborted = new AbortController().signal;
  for await (const piece of unacceptedPieces(params, accepted, neverAborted)) {
    if (piece.length > 0) throw conflict();
  }
  return result;
}

/** What follows the bytes that were accepted before; these must come again first. */
async function* unacceptedPieces(
  { chunk }: WriteParams,
  { bytes, digest }: Fingerprint,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const repeated = new Fingerprint();
  for await (const piece of piecesUntil(chunk, signal)) {
    const missingBytes = bytes - repeated.bytes;
    repeated.update(piece.subarray(0, missingBytes));
    if (missingBytes > 0 && repeated.bytes === bytes && repeated.digest !== digest) {
      throw conflict();
    }
    if (piece.length > missingBytes) yield piece.subarray(missingBytes);
  }
  if (repeated.bytes < bytes && !signal.aborted) throw conflict();
}

function closed(acceptedBytes: number): ProcessionError {
  const detail = 'The standard input was never opened, has ended, or the process is gone.';
  const members = acceptedBytes > 0 ? { accepted_bytes: acceptedBytes } : {};
  return new ProcessionError('stdin_closed', detail, members);
}

function conflict(): ProcessionError {
  const detail = 'This write_id came before with other bytes; a new write needs a new one.';
  return new ProcessionError('write_id_conflict', detail);
}
