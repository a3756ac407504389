import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import Fastify, { LogController } from 'fastify';
import { ProcessionError, errorTable } from '../errors.ts';
import { countDown } from './countdown.ts';
import { LateRequests } from './late-requests.ts';
import { MethodTable } from './methods.ts';
import { sendProblem } from './problem.ts';
import { parseStrictJson } from './strict-json.ts';
import type { QuerySchema } from './strict-query.ts';
import { readQuery } from './strict-query.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What an absent or empty body stands for. */
    readonly emptyBody?: object;
  }
}

/** Our Fastify: typed by the schemas of each route. */
export type Server = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** Bounds of what a request may bring. */
export interface ServerOptions {
  readonly log: FastifyBaseLogger;
  readonly bodyBytesMax: number;
  /** How long headers and JSON bodies may take to arrive. */
  readonly requestMsMax: number;
}

/**
 * A Fastify that rewrites nothing: bodies are strict JSON, queries strict text, unknown names
 * are refused, and every error is a problem. Raw bodies of any length are left to their route.
 */
export function createServer({ log, bodyBytesMax, requestMsMax }: ServerOptions): Server {
  const lateRequests = new LateRequests(requestMsMax);
  const app = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyBytesMax,
    requestTimeout: 0,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 1024 },
    genReqId: () => randomBytes(12).toString('hex'),
    http: { headersTimeout: requestMsMax, connectionsCheckingInterval: 1000 },
    ajv: { customOptions: strictAjv },
    clientErrorHandler: lateRequests.patient(answerUnreadable),
    frameworkErrors: sendProblem,
  }).withTypeProvider<TypeBoxTypeProvider>();
  lateRequests.watch(app.server);
  app.setErrorHandler(sendProblem);
  const methods = new MethodTable();
  app.addHook('onRoute', ({ url, method }) => {
    methods.add(url, method);
  });
  app.addHook('onRequest', (request, reply, done) => {
    done(request.is404 ? unrouted(request, reply, methods) : undefined);
  });
  useStrictBodies(app, requestMsMax);
  app.addHook('preValidation', (request, _reply, done) => {
    const { schema, config } = request.routeOptions;
    const querySchema: QuerySchema = schema?.querystring ?? {};
    request.query = readQuery(querySchema, request.query);
    if (request.body === undefined) request.body = config.emptyBody;
    done();
  });
  return app;
}

const strictAjv = {
  coerceTypes: false,
  removeAdditional: false,
  useDefaults: false,
  allErrors: true,
  keywords: ['x-cursor', 'discriminator'],
};

function useStrictBodies(app: Server, requestMsMax: number): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseStrictJson(Buffer.from(body)));
    } catch (error) {
      done(error instanceof Error ? error : new Error('unreadable body'));
    }
  });
  app.addHook('onRequest', (request, _reply, done) => {
    const encoding = request.headers['content-encoding'];
    if (encoding === undefined) {
      done();
      return;
    }
    const detail = 'bodies are taken as they are, without a Content-Encoding';
    done(new ProcessionError('unsupported_media_type', detail));
  });
  app.addHook('preParsing', (request) => {
    if (isJson(request.raw)) limitArrival(request.raw, requestMsMax);
    return Promise.resolve();
  });
}

function isJson({ headers }: IncomingMessage): boolean {
  return headers['content-type']?.toLowerCase().startsWith('application/json') === true;
}

/** Gives up on a body that is not complete in time, as the server does for headers. */
function limitArrival(request: IncomingMessage, msMax: number): void {
  const stop = countDown(msMax, () => {
    const detail = `the body was not complete within ${msMax} ms`;
    const error = new ProcessionError('request_timeout', detail);
    // Whoever reads the body answers this; to destroy the request would end the connection first.
    if (request.listenerCount('error') > 0) request.emit('error', error);
  });
  request.once('end', stop).once('close', stop);
}

/** Why no route answers; told before anything of the body is looked at. */
function unrouted(
  { method, url }: FastifyRequest,
  reply: FastifyReply,
  methods: MethodTable,
): ProcessionError {
  const allow = methods.allowed(url).join(', ');
  if (allow === '') {
    const path = url.split('?', 1).join('').slice(0, 200);
    return new ProcessionError('route_not_found', `there is no route ${method} ${path}`);
  }
  void reply.header('allow', allow);
  return new ProcessionError('method_not_allowed', `this route answers ${allow}`);
}

/** Answers what is not HTTP, or not in time, on the bare socket. */
function answerUnreadable(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const code = unreadable[error.code ?? ''] ?? 'invalid_request';
  const { status, title } = errorTable[code];
  const detail = 'the request could not be read';
  const type = `urn:procession:problem:${code}`;
  const instance = randomBytes(12).toString('hex');
  const body = JSON.stringify({ type, title, status, detail, instance, code });
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

const unreadable: Readonly<Record<string, 'header_too_large' | 'request_timeout'>> = {
  HPE_HEADER_OVERFLOW: 'header_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};
