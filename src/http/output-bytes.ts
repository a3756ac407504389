import type { ExecProcess } from '../exec-backend.ts';
import type { StreamName } from '../log/event.ts';
import { streamHeaders } from './event-response.ts';
import type { Exchange } from './exchange.ts';
import { openStream } from './exchange.ts';
import { sendRaw } from './raw-response.ts';

/** Which bytes of the retained output to send. */
export interface BytesQuery {
  readonly after_seq: number;
  readonly format: 'text' | 'raw';
  /** Go on until `closed`; else up to the head at the start of the answer. */
  readonly follow?: boolean;
  /** One stream only. */
  readonly stream?: StreamName;
}

/** Answers with the bare bytes after the cursor, up to the head or to `closed`. */
export async function sendBytes(
  exchange: Exchange,
  process: ExecProcess,
  { after_seq, format, follow: isFollowing = false, stream: only }: BytesQuery,
): Promise<void> {
  const extent = await extentAfter(process, after_seq);
  const { firstSeq, headSeq } = extent;
  const headers = { ...rawHeaders(format, extent), ...nextSeqHeader(isFollowing, headSeq + 1) };
  const response = openStream(exchange, { status: 200, headers });
  if (response === null) return;
  const isEmpty = !isFollowing && firstSeq > headSeq;
  const subscribing = process.subscribeEvents({ after_seq: firstSeq - 1, from: 'retained' });
  const subscription = await subscribing.catch((error: unknown) => {
    response.cut();
    throw error;
  });
  const trailers = (lastSeq: number): Record<string, string> =>
    isFollowing ? { 'Next-Seq': String(lastSeq + 1) } : {};
  if (subscription.kind !== 'stream') {
    // What a failed process still had to write is not known, so following it has no proper end.
    if (isFollowing && extent.isFailed) response.cut();
    else response.end(trailers(headSeq));
  } else if (isEmpty) {
    subscription.stream.close();
    response.end();
  } else {
    const until = isFollowing ? null : headSeq;
    await sendRaw({ stream: subscription.stream, response, only: only ?? null, until, trailers });
  }
}

interface Extent {
  readonly firstSeq: number;
  readonly headSeq: number;
  readonly gapBytes: number;
  readonly isFailed: boolean;
}

async function extentAfter(process: ExecProcess, after_seq: number): Promise<Extent> {
  const page = await process.read({ after_seq, max_bytes: 0 });
  return {
    firstSeq: (page.gap?.to_seq ?? after_seq) + 1,
    headSeq: page.head_seq,
    gapBytes: page.gap?.bytes ?? 0,
    isFailed: page.failure !== null,
  };
}

function rawHeaders(format: 'text' | 'raw', { firstSeq, gapBytes }: Extent) {
  return {
    ...streamHeaders,
    'content-type': format === 'text' ? 'text/plain; charset=utf-8' : 'application/octet-stream',
    'first-seq': String(firstSeq),
    'gap-bytes': String(gapBytes),
  };
}

function nextSeqHeader(isFollowing: boolean, nextSeq: number): Record<string, string> {
  return isFollowing ? { trailer: 'Next-Seq' } : { 'next-seq': String(nextSeq) };
}
