import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestService } from '../support/service.ts';
import { openService, startService } from '../support/service.ts';
import { Client } from './client.ts';
import { problem, refusal, told } from './problems.ts';
import { RawConnection } from './raw-connection.ts';

let service: TestService;
let client: Client;

beforeAll(async () => {
  service = await openService();
  client = new Client(service);
  await client.startCat('p');
});

afterAll(() => service.stop());

const allowed: readonly (readonly [string, string])[] = [
  ['/processes', 'GET, HEAD, POST'],
  ['/processes/p', 'DELETE, GET, HEAD'],
  ['/processes/p/events', 'GET, HEAD'],
  ['/processes/p/wake', 'GET, HEAD'],
  ['/processes/p/output', 'GET, HEAD'],
  ['/processes/p/stdin', 'POST'],
  ['/processes/p/signal', 'POST'],
  ['/processes/p/resize', 'POST'],
  ['/processes/p/terminate', 'POST'],
  ['/livez', 'GET, HEAD'],
  ['/readyz', 'GET, HEAD'],
  ['/metrics', 'GET, HEAD'],
  ['/openapi.json', 'GET, HEAD'],
];

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'QUERY'];

describe('a method that a path does not answer', () => {
  it.each(allowed)('on %s is refused with Allow: %s', async (path, allow) => {
    for (const method of methods.filter((name) => !allow.split(', ').includes(name))) {
      const reply = await client.send(path, { method });
      expect(told(reply)).toEqual(refusal(405, 'method_not_allowed'));
      expect([method, reply.headers.get('allow')]).toEqual([method, allow]);
    }
  });

  it.each(['text/plain', 'application/json', 'application/octet-stream'])(
    'is told with a body of %s too, whatever it holds',
    async (type) => {
      const init = { method: 'PUT', body: 'x', headers: { 'content-type': type } };
      expect(told(await client.send('/processes', init))).toEqual(
        refusal(405, 'method_not_allowed'),
      );
    },
  );

  it('is told to a HEAD request by its status and Allow', async () => {
    const { status, headers } = await client.send('/processes/p/stdin', { method: 'HEAD' });
    expect([status, headers.get('allow')]).toEqual([405, 'POST']);
  });
});

describe('a path that no route has', () => {
  it.each([
    '/',
    '/process',
    '/processes/p/',
    '/processes/p/nothing',
    '/processes/p/events/',
    '//processes',
    '/Processes',
    '/livez/x',
  ])('%s is not found', async (path) => {
    for (const method of ['GET', 'POST', 'DELETE']) {
      const reply = await client.send(path, { method });
      expect(told(reply)).toEqual(refusal(404, 'route_not_found'));
    }
  });

  it.each(['text/plain', 'application/json', 'application/octet-stream'])(
    'is not found with a body of %s either, whatever it holds',
    async (type) => {
      const init = { method: 'POST', body: 'x', headers: { 'content-type': type } };
      expect(told(await client.send('/nothing', init))).toEqual(refusal(404, 'route_not_found'));
    },
  );

  it('is not told back at any length', async () => {
    const { body } = await client.get(`/${'x'.repeat(5000)}`);
    expect(JSON.stringify(body).length).toBeLessThan(1000);
  });
});

describe('a process that was never started', () => {
  it.each([
    ['GET', ''],
    ['DELETE', ''],
    ['GET', '/events'],
    ['GET', '/wake'],
    ['GET', '/output'],
    ['POST', '/stdin'],
    ['POST', '/signal'],
    ['POST', '/terminate'],
  ])('is not found: %s …%s', async (method, rest) => {
    const body = { '/stdin': { text: 'a' }, '/signal': { signal: 'SIGTERM' } }[rest] ?? {};
    const path = `/processes/unknown${rest}`;
    const reply =
      method === 'POST' ? await client.post(path, body) : await client.send(path, { method });
    expect(told(reply)).toEqual(refusal(404, 'process_not_found'));
  });

  it.each(['a%2Fb', '%00', '..%2f', '%F0%9F%90%88', "'--", '~'.repeat(1000)])(
    'is not found by any name: %s',
    async (name) => {
      const reply = await client.get(`/processes/${name}`);
      expect(told(reply)).toEqual(refusal(404, 'process_not_found'));
    },
  );

  it('cannot have a name of any length', async () => {
    const reply = await client.get(`/processes/${'x'.repeat(1025)}`);
    expect(told(reply)).toEqual(refusal(414, 'uri_too_long'));
  });

  it.each(['%', '%zz', '%ff'])('cannot be called %s', async (name) => {
    const reply = await client.get(`/processes/${name}`);
    expect(told(reply)).toEqual(refusal(400, 'invalid_request'));
  });
});

describe('every problem', () => {
  it('is never stored and has an id of its request', async () => {
    const replies = await Promise.all([client.get('/nothing'), client.get('/nothing')]);
    const [first, second] = replies.map(({ body }) => body as { instance: string });
    expect(first?.instance).not.toBe(second?.instance);
    expect(replies.map(({ headers }) => headers.get('cache-control'))).toEqual([
      'no-store',
      'no-store',
    ]);
  });

  it('is a problem whatever the request accepts', async () => {
    const reply = await client.get('/processes/unknown/events', { accept: 'text/event-stream' });
    expect(told(reply)).toEqual(refusal(404, 'process_not_found'));
  });

  it.each([
    ['what is no HTTP', 'hello\r\n\r\n', 400, 'invalid_request'],
    ['an unknown method', 'FOO / HTTP/1.1\r\nhost: a\r\n\r\n', 400, 'invalid_request'],
    [
      'two lengths',
      'GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
      400,
      'invalid_request',
    ],
    [
      'a huge header',
      `GET / HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'header_too_large',
    ],
    [
      'a huge URL',
      `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nhost: a\r\n\r\n`,
      431,
      'header_too_large',
    ],
  ])('answers %s', async (...unreadable) => {
    const [, text, status, code] = unreadable;
    const connection = await RawConnection.open(service);
    const { status: answered, headers, body } = await connection.write(text).response();
    expect([answered, headers['content-type'], JSON.parse(body)]).toEqual([
      status,
      'application/problem+json',
      problem(status, code),
    ]);
    expect(await connection.ended()).toBe('fin');
  });

  it('answers headers that are not complete in time', async () => {
    const impatient = await startService({ REQUEST_MS_MAX: 50 });
    const connection = await RawConnection.open(impatient);
    const { status, body } = await connection.write('GET /livez HTTP/1.1\r\nhost').response();
    expect([status, JSON.parse(body)]).toEqual([408, problem(408, 'request_timeout')]);
  });
});

describe('HTTP/1.0', () => {
  it.each([
    '/processes/p/events',
    '/processes/p/wake?format=sse',
    '/processes/p/output?format=sse',
    '/processes/p/output?format=ndjson',
    '/processes/p/output?format=text&follow=true',
    '/processes/p/output?format=raw',
  ])('gets no stream: %s', async (path) => {
    const connection = await RawConnection.open(service);
    const { status, body } = await connection.request(`GET ${path} HTTP/1.0`).response();
    expect([status, JSON.parse(body)]).toEqual([505, problem(505, 'http_version_unsupported')]);
    expect(await client.metric('procession_readers')).toBe(0);
  });

  it('gets everything else', async () => {
    const connection = await RawConnection.open(service);
    const { status, body } = await connection.request('GET /livez HTTP/1.0').response();
    expect([status, body]).toEqual([200, '{"status":"ok"}']);
  });

  it.each(['text/event-stream', 'text/plain'])(
    'starts nothing when %s is wanted',
    async (accept) => {
      const text = '{"process_id":"old","argv":["true"]}';
      const head = [
        'POST /processes HTTP/1.0',
        `accept: ${accept}`,
        'content-type: application/json',
        `content-length: ${text.length}`,
      ];
      const connection = await RawConnection.open(service);
      const { status } = await connection
        .request(...head)
        .write(text)
        .response();
      expect(status).toBe(505);
      expect((await client.get('/processes/old')).status).toBe(404);
      expect(await client.metric('procession_readers')).toBe(0);
    },
  );
});

describe('HEAD', () => {
  it.each([
    ['/processes/p/events', 200, 'text/event-stream; charset=utf-8'],
    ['/processes/p/wake', 200, 'application/json; charset=utf-8'],
    ['/processes/p/wake?format=sse', 200, 'text/event-stream; charset=utf-8'],
    ['/processes/p/output', 200, 'application/json; charset=utf-8'],
    ['/processes/p/output?format=sse', 200, 'text/event-stream; charset=utf-8'],
    ['/processes/p/output?format=ndjson', 200, 'application/x-ndjson; charset=utf-8'],
    ['/processes/p/output?format=text&follow=true', 200, 'text/plain; charset=utf-8'],
    ['/processes/p', 200, 'application/json; charset=utf-8'],
    ['/processes', 200, 'application/json; charset=utf-8'],
    ['/processes/unknown', 404, 'application/problem+json'],
    ['/processes/p/events?after_seq=9', 409, 'application/problem+json'],
  ])('of %s answers %i and leaves nothing open', async (path, status, type) => {
    const reply = await client.send(path, { method: 'HEAD' });
    expect(told(reply)).toEqual({ status, type, body: '' });
    expect(await client.metric('procession_readers')).toBe(0);
  });
});
