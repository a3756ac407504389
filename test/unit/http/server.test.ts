import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createServer } from '../../../src/http/server.ts';
import type { Server } from '../../../src/http/server.ts';

/** A server with one route, which echoes its query and body. */
function echoing(): Server {
  const app = createServer({
    log: pino({ level: 'silent' }),
    bodyBytesMax: 1000,
    requestMsMax: 1000,
  });
  app.post('/echo', ({ query, body }) => ({ query, body: body ?? 'none' }));
  onTestFinished(() => app.close());
  return app;
}

test('a route that describes no query gets its texts as they came', async () => {
  const { body } = await echoing().inject({ method: 'POST', url: '/echo?n=01&b=true&b=x' });
  expect(JSON.parse(body)).toEqual({ query: { n: '01', b: ['true', 'x'] }, body: 'none' });
});

test('a route that describes no body gets strict JSON and nothing else', async () => {
  const app = echoing();
  const post = async (payload: string): Promise<unknown> => {
    const headers = { 'content-type': 'application/json' };
    const { statusCode, body } = await app.inject({
      method: 'POST',
      url: '/echo',
      headers,
      payload,
    });
    return [statusCode, JSON.parse(body)];
  };
  expect(await post('{"a":1}')).toEqual([200, { query: {}, body: { a: 1 } }]);
  expect(await post('{"a":1,"a":2}')).toMatchObject([400, { code: 'invalid_json' }]);
});
