import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { ProcessionError } from '../errors.ts';
import type { WriteParams, WriteResult } from '../exec-types.ts';
import type { Http } from './http.ts';
import { processPath } from './paths.ts';
import type { RecoveryLimits } from './recovery.ts';
import { Recovery, recovering } from './recovery.ts';
import { readWritten } from './replies.ts';

/** Where to write to, and how long to try. */
export interface UploadTarget {
  readonly http: Http;
  readonly processId: string;
  readonly limits: RecoveryLimits;
}

/**
 * Writes to a standard input. Bytes are sent again over cuts, under one `write_id`, so that
 * they arrive once; an iterable can be read only once, so a cut rejects. Takes as long as the
 * child takes to read.
 */
export async function upload(target: UploadTarget, params: WriteParams): Promise<WriteResult> {
  const { chunk, eof = false, write_id = randomUUID() } = params;
  if (!isHeaderText.test(write_id)) {
    const detail = 'a write_id is 1 to 256 printable characters of ASCII';
    throw new ProcessionError('invalid_request', detail);
  }
  const send = async (body: Uint8Array | Readable): Promise<WriteResult> => {
    const { value } = await target.http.json({
      method: 'POST',
      path: processPath(target.processId, 'stdin'),
      query: eof ? [['eof', 'true']] : [],
      headers: { 'content-type': 'application/octet-stream', 'write-id': write_id },
      body,
      waitMs: null,
    });
    return readWritten(value);
  };
  if (!(chunk instanceof Uint8Array)) return sendOnce(chunk, send);
  return recovering(new Recovery(target.limits), () => send(chunk));
}

/** Visible, with spaces only inside: what a header carries as it is. */
const isHeaderText = /^[!-~](?:[ -~]{0,254}[!-~])?$/;

async function sendOnce(
  pieces: AsyncIterable<Uint8Array>,
  send: (body: Readable) => Promise<WriteResult>,
): Promise<WriteResult> {
  const thrown: unknown[] = [];
  const watched = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* pieces;
    } catch (error) {
      thrown.push(error);
      throw error;
    }
  };
  try {
    return await send(Readable.from(watched(), { objectMode: false }));
  } catch (error) {
    // The error of the caller's own iterable, and not what it did to the connection.
    throw thrown.length > 0 ? thrown[0] : error;
  }
}
