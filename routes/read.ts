import type { Static } from '@sinclair/typebox';
import type { FastifyReply } from 'fastify';
import type { ExecProcess } from '../src/exec-backend.ts';
import type { OutputPage } from '../src/exec-types.ts';
import { eventHeaders } from '../src/http/event-response.ts';
import type { Exchange } from '../src/http/exchange.ts';
import { goneSignal } from '../src/http/exchange.ts';
import { follow, openOrRetry } from '../src/http/follow.ts';
import type { ChunkEncoding } from '../src/http/frame.ts';
import { chunkText } from '../src/http/frame.ts';
import type { Format } from '../src/http/negotiate.ts';
import { negotiate } from '../src/http/negotiate.ts';
import { sendBytes } from '../src/http/output-bytes.ts';
import type { RouteContext } from '../src/http/route-context.ts';
import { cursorOf } from '../src/log/cursor.ts';
import { readOutput } from '../src/protocol/read.ts';
import { outputUrl } from '../src/protocol/urls.ts';

type Query = Static<typeof readOutput.querystring>;

/** `GET /processes/{process_id}/output` */
export function read(context: RouteContext): void {
  const { app, backend, stallMs } = context;
  app.get('/processes/:process_id/output', { schema: readOutput }, async (request, reply) => {
    const { params, query, headers } = request;
    const lastEventId = headers['last-event-id'];
    const format = negotiate(request.raw, query.format, offersFor(lastEventId));
    const exchange = { request, reply, stallMs };
    if (format === 'sse' || format === 'ndjson') {
      const retained = { ...params, query, lastEventId, format };
      return followRetained(context, exchange, retained);
    }
    const process = await backend.get(params.process_id);
    const after_seq = cursorOf(undefined, query.after_seq) ?? 0;
    if (format !== 'json') return sendBytes(exchange, process, { ...query, format, after_seq });
    const page = await readPage(process, { ...query, after_seq }, goneSignal(reply));
    return { ...page, chunks: page.chunks.map(written(query.encoding)) };
  });
}

/** The representations in the order of preference when the request has none. */
function offersFor(lastEventId: string | undefined): readonly Format[] {
  const others = ['ndjson', 'text', 'raw'] as const;
  return lastEventId === undefined ? ['json', 'sse', ...others] : ['sse', 'json', ...others];
}

interface Retained {
  readonly process_id: string;
  readonly query: Query;
  readonly lastEventId: string | undefined;
  readonly format: 'sse' | 'ndjson';
}

/** Answers with everything retained after the cursor, then live; never redirects. */
async function followRetained(
  { backend, heartbeatMs, pathPrefix }: RouteContext,
  exchange: Exchange,
  { process_id, query, lastEventId, format }: Retained,
): Promise<FastifyReply | undefined> {
  const subscription = await openOrRetry(exchange, format, async () => {
    const process = await backend.get(process_id);
    const after_seq = cursorOf(lastEventId, query.after_seq) ?? 0;
    return process.subscribeEvents({ after_seq, from: 'retained' });
  });
  if (subscription === null) return undefined;
  if (subscription.kind !== 'stream') {
    return exchange.reply.code(204).headers(eventHeaders(format)).send(null);
  }
  const { encoding = 'utf8' } = query;
  const style = { format, encoding, outputUrl: outputUrl(pathPrefix, process_id) };
  await follow(exchange, { stream: subscription.stream, style, heartbeatMs });
  return undefined;
}

function readPage(
  process: ExecProcess,
  { after_seq, max_bytes, wait_ms }: Query & { after_seq: number },
  gone: AbortSignal,
): Promise<OutputPage> {
  const bound = max_bytes === undefined ? {} : { max_bytes };
  const wait = wait_ms === undefined ? {} : { wait_ms };
  return process.read({ after_seq, ...bound, ...wait }, gone);
}

function written(encoding: ChunkEncoding = 'utf8') {
  return ({ seq, stream, chunk }: OutputPage['chunks'][number]) => ({
    seq,
    stream,
    ...chunkText(chunk, encoding),
  });
}
