import { expect, it } from 'vitest';
import { startService } from '../support/service.ts';
import { Client } from './client.ts';
import { RawConnection } from './raw-connection.ts';

it('a long-poll that names a type for a body it has not outlives the time for bodies', async () => {
  const service = await startService({ REQUEST_MS_MAX: 200 });
  const client = new Client(service);
  await client.startCat('p');
  const type = 'content-type: application/json';
  const poll = await RawConnection.open(service);
  poll.request('GET /processes/p/output?wait_ms=20000 HTTP/1.1', type);
  const tooSlow = await RawConnection.open(service);
  tooSlow.request('POST /processes HTTP/1.1', type, 'content-length: 9').write('{');
  expect((await tooSlow.response()).status).toBe(408);
  expect(poll.text).toBe('');
  await client.emit('p', 'a');
  const { status, body } = await poll.response();
  const chunks = [{ seq: 1, stream: 'stdout', encoding: 'utf8', chunk: 'a' }];
  expect([status, JSON.parse(body)]).toMatchObject([200, { chunks, head_seq: 1 }]);
});
