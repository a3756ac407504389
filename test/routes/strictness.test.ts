import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openService, startService } from '../support/service.ts';
import type { TestService } from '../support/service.ts';
import { Client } from './client.ts';
import { invalid, refusal, told } from './problems.ts';
import { RawConnection } from './raw-connection.ts';

let service: TestService;
let client: Client;

beforeAll(async () => {
  service = await openService();
  client = new Client(service);
  await client.startCat('p');
});

afterAll(() => service.stop());

/** The routes with a JSON body, and a body that each takes. */
const bodies: readonly (readonly [string, object])[] = [
  ['/processes', { argv: ['true'] }],
  ['/processes/p/stdin', { text: 'a' }],
  ['/processes/p/signal', { signal: 'SIGCONT' }],
  ['/processes/p/resize', { rows: 24, cols: 80 }],
  ['/processes/p/terminate', { grace_ms: 0 }],
];

/** Every route and method, each with a request that would be taken. */
const requests: readonly (readonly [string, string, object | undefined])[] = [
  ...bodies.map(([path, body]) => ['POST', path, body] as const),
  ['GET', '/processes', undefined],
  ['GET', '/processes/p', undefined],
  ['DELETE', '/processes/p', undefined],
  ['GET', '/processes/p/events', undefined],
  ['GET', '/processes/p/wake', undefined],
  ['GET', '/processes/p/output', undefined],
  ['GET', '/livez', undefined],
  ['GET', '/readyz', undefined],
  ['GET', '/metrics', undefined],
  ['GET', '/openapi.json', undefined],
];

function request(method: string, path: string, body?: object) {
  if (body !== undefined) return client.post(path, body);
  return client.send(path, { method });
}

function unknown(pointer: string): object {
  return refusal(400, 'invalid_request', { errors: [{ pointer, detail: 'is unknown' }] });
}

describe('a query', () => {
  it.each(requests)('%s %s with an unknown name is refused', async (method, path, body) => {
    expect(told(await request(method, `${path}?after=1`, body))).toEqual(unknown('/after'));
  });

  it.each(requests)('%s %s with the name __proto__ is refused', async (method, path, body) => {
    expect(told(await request(method, `${path}?__proto__=1`, body))).toEqual(unknown('/__proto__'));
  });

  it.each([
    ['/processes/p/events', 'encoding=utf8&encoding=utf8'],
    ['/processes/p/events', 'format=sse&format=sse'],
    ['/processes/p/wake', 'wait_ms=1&wait_ms=1'],
    ['/processes/p/output', 'max_bytes=1&max_bytes=1'],
    ['/processes/p/output', 'follow=true&follow=true'],
    ['/processes/p/output', 'stream=stdout&stream=stderr'],
    ['/processes', 'limit=1&limit=1'],
    ['/processes', 'state=running&state=closed'],
    ['/processes', 'cursor=MQ&cursor=MQ'],
  ])('%s?%s with a repeated name is refused', async (path, query) => {
    expect(told(await client.get(`${path}?${query}`))).toEqual(invalid);
  });

  it.each(['/processes/p/events', '/processes/p/wake', '/processes/p/output'])(
    '%s with a repeated cursor is refused',
    async (path) => {
      const reply = await client.get(`${path}?after_seq=1&after_seq=1`);
      expect(told(reply)).toEqual(refusal(400, 'invalid_cursor'));
    },
  );

  const numbers = ['', '1e3', '07', '0x10', '-1', '+1', '1.0', '%201', '1%20', 'Infinity', '1_0'];
  const tooLarge = ['9007199254740992', '18446744073709551616'];
  const numeric = [
    '/processes?limit=',
    '/processes/p/wake?wait_ms=',
    '/processes/p/output?wait_ms=',
    '/processes/p/output?max_bytes=',
  ];

  it.each(numeric.flatMap((path) => [...numbers, ...tooLarge].map((text) => [`${path}${text}`])))(
    '%s is no number of its range',
    async (path) => {
      expect(told(await client.get(path))).toEqual(invalid);
    },
  );

  it.each(['', '1', 'yes', 'True', 'false%20'])('follow=%s is no boolean', async (text) => {
    expect(told(await client.get(`/processes/p/output?follow=${text}`))).toEqual(invalid);
  });

  it('takes a percent-encoded name for the name that it is', async () => {
    expect((await client.get('/processes?%6cimit=1')).status).toBe(200);
  });
});

describe('a JSON body', () => {
  it.each(bodies)('%s with an unknown member is refused', async (path, body) => {
    const reply = await client.post(path, { ...body, 'Un/known~': 1 });
    expect(told(reply)).toEqual(unknown('/Un~1known~0'));
  });

  it.each(bodies)('%s with an unknown member of the prototype is refused', async (path, body) => {
    const reply = await client.post(path, { ...body, toString: 1, constructor: 1 });
    expect(told(reply)).toEqual(invalid);
  });

  it.each(bodies)('%s with a repeated member is refused', async (path, body) => {
    const text = JSON.stringify(body).replace('{', '{"x":1,"\\u0078":1,');
    expect(told(await client.post(path, text))).toEqual(refusal(400, 'invalid_json'));
  });

  it.each(bodies)('%s with a member of an object that is repeated is refused', async (path) => {
    const text = '{"labels":{"a":"1","b":"2","a":"1"}}';
    expect(told(await client.post(path, text))).toEqual(refusal(400, 'invalid_json'));
  });

  it.each(bodies)('%s with a member __proto__ is refused', async (path, body) => {
    const text = JSON.stringify(body).replace('{', '{"__proto__":{},');
    expect(told(await client.post(path, text))).toEqual(refusal(400, 'invalid_json'));
  });

  it.each(bodies)('%s with text after it is refused', async (path, body) => {
    const reply = await client.post(path, `${JSON.stringify(body)} {}`);
    expect(told(reply)).toEqual(refusal(400, 'invalid_json'));
  });

  it.each(bodies)('%s that is invalid UTF-8 is refused', async (path) => {
    const headers = { 'content-type': 'application/json' };
    const body = Buffer.from('{"a":"\xe2\x28"}', 'latin1');
    const reply = await client.send(path, { method: 'POST', headers, body });
    expect(told(reply)).toEqual(refusal(400, 'invalid_json'));
  });

  it.each(bodies)(
    '%s with half a surrogate pair, which is no character, is refused',
    async (path) => {
      for (const text of ['{"text":"\\ud83d"}', '{"argv":["\\udc00x"]}', '{"\\uD800":1}']) {
        expect(told(await client.post(path, text))).toEqual(refusal(400, 'invalid_json'));
      }
    },
  );

  it.each(bodies)('%s that begins with a byte order mark is refused', async (path, body) => {
    const reply = await client.post(path, `\ufeff${JSON.stringify(body)}`);
    expect(told(reply)).toEqual(refusal(400, 'invalid_json'));
  });

  it.each(
    bodies.flatMap(([path]) =>
      ['null', '[]', '"{}"', '1', 'true'].map((text): [string, string] => [path, text]),
    ),
  )('%s of %s is no object', async (path, body) => {
    expect(told(await client.post(path, body))).toEqual(invalid);
  });

  it.each(bodies.slice(0, 3))('%s that is empty is refused', async (path) => {
    expect(told(await client.post(path, ''))).toEqual(invalid);
    expect(told(await client.send(path, { method: 'POST' }))).toEqual(invalid);
  });

  it.each<readonly [string, object]>([
    ['/processes', { argv: 'true' }],
    ['/processes', { argv: [1] }],
    ['/processes', { argv: [null] }],
    ['/processes', { argv: ['true'], pipe_stdin: 'true' }],
    ['/processes', { argv: ['true'], pipe_stdin: null }],
    ['/processes', { argv: ['true'], timeout_ms: '1' }],
    ['/processes', { argv: ['true'], timeout_ms: 1.5 }],
    ['/processes', { argv: ['true'], env: { A: 1 } }],
    ['/processes', { argv: ['true'], labels: { a: null } }],
    ['/processes', { argv: ['true'], env_policy: { exclude: 'A' } }],
    ['/processes/p/stdin', { text: 1 }],
    ['/processes/p/stdin', { text: 'a', eof: 'true' }],
    ['/processes/p/signal', { signal: 15 }],
    ['/processes/p/terminate', { grace_ms: '1' }],
    ['/processes/p/terminate', { wait_ms: null }],
  ])('%s of %j is not coerced', async (path, body) => {
    expect(told(await client.post(path, body))).toEqual(invalid);
  });

  it('says where it is not valid, at bounded length', async () => {
    const { body } = await client.post('/processes', { argv: ['true'], env: { A: 1 } });
    expect(body).toMatchObject({ errors: [{ pointer: '/env/A', detail: 'must be string,null' }] });
    const endless = { argv: Array<number>(400_000).fill(1) };
    const reply = await client.post('/processes', endless);
    expect(told(reply)).toEqual(invalid);
    expect(JSON.stringify(reply.body).length).toBeLessThan(10_000);
  });

  it('of one text of almost a mebibyte is taken', async () => {
    const text = `${'\\\\'.repeat(10)}${'a'.repeat(1_040_000)}`;
    const reply = await client.post('/processes/p/stdin', `{"text":"${text}"}`);
    expect(reply.status).toBe(200);
  });

  it.each(bodies)('%s of another content type is refused', async (path, body) => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/xml',
      'x',
    ]) {
      const headers = { 'content-type': type };
      expect(told(await client.post(path, body, headers))).toEqual(
        refusal(415, 'unsupported_media_type'),
      );
    }
  });

  it.each(bodies)('%s without a content type is refused', async (path, body) => {
    const text = JSON.stringify(body);
    const connection = await RawConnection.open(service);
    connection.request(`POST ${path} HTTP/1.1`, `content-length: ${text.length}`).write(text);
    const { status, headers } = await connection.response();
    expect([status, headers['content-type']]).toEqual([415, 'application/problem+json']);
  });

  it.each(bodies)('%s with a Content-Encoding is refused', async (path, body) => {
    for (const encoding of ['gzip', 'identity', 'br']) {
      const reply = await client.post(path, body, { 'content-encoding': encoding });
      expect(told(reply)).toEqual(refusal(415, 'unsupported_media_type'));
    }
  });

  it('takes parameters of its content type', async () => {
    const headers = { 'content-type': 'Application/JSON; charset=utf-8' };
    expect((await client.post('/processes', { argv: ['true'] }, headers)).status).toBe(201);
  });

  it.each(bodies)('%s over a mebibyte is refused as soon as it is announced', async (path) => {
    const connection = await RawConnection.open(service);
    const type = 'content-type: application/json';
    connection.request(`POST ${path} HTTP/1.1`, type, 'content-length: 1048577');
    const { status, body } = await connection.response();
    expect([status, JSON.parse(body)]).toMatchObject([413, { code: 'body_too_large' }]);
    expect(await connection.ended()).toBe('fin');
  });

  it.each(bodies)('%s over a mebibyte that was not announced is refused', async (path) => {
    const connection = await RawConnection.open(service);
    const type = 'content-type: application/json';
    connection.request(`POST ${path} HTTP/1.1`, type, 'transfer-encoding: chunked');
    connection.write('100001\r\n').write(Buffer.alloc(1_048_577, ' '));
    const { status, body } = await connection.response();
    expect([status, JSON.parse(body)]).toMatchObject([413, { code: 'body_too_large' }]);
  });

  it.each(['application/json', 'Application/JSON'])(
    'of %s that is not complete in time is given up',
    async (type) => {
      const impatient = await startService({ REQUEST_MS_MAX: 50 });
      const connection = await RawConnection.open(impatient);
      const head = ['POST /processes HTTP/1.1', `content-type: ${type}`, 'content-length: 100'];
      connection.request(...head).write('{');
      const { status, headers, body } = await connection.response();
      expect([status, headers['content-type'], JSON.parse(body)]).toMatchObject([
        408,
        'application/problem+json',
        { code: 'request_timeout', status: 408 },
      ]);
      expect(await connection.ended()).toBe('fin');
    },
  );
});
