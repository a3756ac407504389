import type { StartResult } from '../src/exec-backend.ts';
import { streamHeaders } from '../src/http/event-response.ts';
import type { Exchange } from '../src/http/exchange.ts';
import { openStream, requireStreams } from '../src/http/exchange.ts';
import { follow } from '../src/http/follow.ts';
import { sseFrame } from '../src/http/frame.ts';
import { negotiate } from '../src/http/negotiate.ts';
import { sendRaw } from '../src/http/raw-response.ts';
import { exitTrailers } from '../src/http/trailers.ts';
import { toProcess } from '../src/protocol/process.ts';
import { startProcess } from '../src/protocol/start.ts';
import type { RouteContext } from '../src/http/route-context.ts';
import { outputUrl, processUrl } from '../src/protocol/urls.ts';

/** `POST /processes` */
export function start(context: RouteContext): void {
  const { app, backend, stallMs, pathPrefix } = context;
  app.post('/processes', { schema: startProcess }, async (request, reply) => {
    const format = negotiate(request.raw, undefined, ['json', 'sse', 'text']);
    if (format !== 'json') requireStreams(request);
    const result = await backend.start(request.body);
    reply.header('location', processUrl(pathPrefix, result.process.process_id));
    if (result.replayed) reply.header('idempotent-replayed', 'true');
    const exchange = { request, reply, stallMs };
    if (format === 'sse') return sendEventsOf(context, exchange, result);
    if (format === 'text') return sendBytesOf(exchange, result);
    return reply.code(statusOf(result)).send(toProcess(await result.process.snapshot()));
  });
}

async function sendEventsOf(
  { heartbeatMs, pathPrefix }: RouteContext,
  exchange: Exchange,
  result: StartResult,
): Promise<void> {
  const { process } = result;
  const snapshot = await process.snapshot();
  const stream = await fromTheBeginning(result);
  await follow(exchange, {
    stream,
    heartbeatMs,
    status: statusOf(result),
    style: {
      format: 'sse',
      encoding: 'utf8',
      outputUrl: outputUrl(pathPrefix, process.process_id),
    },
    firstFrame: sseFrame('started', JSON.stringify({ type: 'started', ...snapshot }), null),
  });
}

async function sendBytesOf(exchange: Exchange, result: StartResult): Promise<void> {
  const stream = await fromTheBeginning(result);
  const headers = {
    ...streamHeaders,
    'content-type': 'text/plain; charset=utf-8',
    trailer: 'Exit-Code, Exit-Signal',
  };
  const response = openStream(exchange, { status: statusOf(result), headers });
  if (response === null) return;
  const trailers = (_lastSeq: number, closed: Parameters<typeof exitTrailers>[0]) =>
    exitTrailers(closed);
  await sendRaw({ stream, response, only: null, until: null, trailers });
}

async function fromTheBeginning({ process }: StartResult) {
  const subscription = await process.subscribeEvents({ after_seq: 0, from: 'retained' });
  if (subscription.kind === 'stream') return subscription.stream;
  throw new Error('a log of retained output has no beginning');
}

function statusOf({ replayed }: StartResult): 200 | 201 {
  return replayed ? 200 : 201;
}
