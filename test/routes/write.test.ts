import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { TestService } from '../support/service.ts';
import { openService, startService } from '../support/service.ts';
import { Client } from './client.ts';
import { anyNumber, refusal, told } from './problems.ts';
import { RawConnection } from './raw-connection.ts';

let service: TestService;
let client: Client;

beforeAll(async () => {
  service = await openService();
  client = new Client(service);
});

afterAll(() => service.stop());

/** Never reads its input. */
const deaf = { argv: ['sleep', '60'], pipe_stdin: true };

function accepted(accepted_bytes: number, stdin_bytes: number): object {
  return {
    status: 200,
    type: 'application/json; charset=utf-8',
    body: { status: 'accepted', accepted_bytes, stdin_bytes },
  };
}

/** A refusal with an offending member of the body. */
function invalidAt(pointer: string): object {
  const errors = [{ pointer, detail: expect.any(String) as unknown }];
  return refusal(400, 'invalid_request', { errors });
}

/** Starts a `cat` and gives what it wrote once its input was ended. */
async function echoed(process_id: string, write: (url: string) => Promise<void>): Promise<Buffer> {
  await client.startCat(process_id);
  await write(`/processes/${process_id}/stdin`);
  await client.finish(process_id);
  const response = await client.open(`/processes/${process_id}/output?format=raw`);
  return Buffer.from(await response.arrayBuffer());
}

describe('a write as JSON', () => {
  it('brings text and base64 bytes in the order of acceptance', async () => {
    const bytes = await echoed('json', async (url) => {
      expect(told(await client.post(url, { text: 'é\n' }))).toEqual(accepted(3, 3));
      expect(told(await client.post(url, { chunk: '/wAB' }))).toEqual(accepted(3, 6));
      expect(told(await client.post(url, { text: '' }))).toEqual(accepted(0, 6));
      expect(told(await client.post(url, { chunk: '' }))).toEqual(accepted(0, 6));
    });
    expect(bytes).toEqual(Buffer.from('c3a90aff0001', 'hex'));
  });

  it('ends the input with eof, after its bytes', async () => {
    await client.startCat('eof');
    const reply = await client.post('/processes/eof/stdin', { text: 'last', eof: true });
    expect(told(reply)).toEqual(accepted(4, 4));
    expect(await client.closed('eof')).toMatchObject({ exit_code: 0, retained_bytes: 4 });
  });

  it('ends the input with eof alone', async () => {
    await client.startCat('eof-alone');
    const reply = await client.post('/processes/eof-alone/stdin', { eof: true });
    expect(told(reply)).toEqual(accepted(0, 0));
    await client.closed('eof-alone');
  });

  it('takes eof and the id from the query and the header too', async () => {
    await client.startCat('named');
    const url = '/processes/named/stdin?eof=true';
    for (let repeat = 0; repeat < 2; repeat += 1) {
      const reply = await client.post(url, { text: 'a' }, { 'write-id': 'w' });
      expect(told(reply)).toEqual(accepted(1, 1));
    }
    expect(await client.closed('named')).toMatchObject({ retained_bytes: 1 });
  });

  it.each([
    [{ chunk: 'YQ==', text: 'a' }, ''],
    [{}, ''],
    [{ eof: false }, ''],
    [{ write_id: 'w' }, ''],
    [{ text: 'a', write_id: '' }, '/write_id'],
    [{ text: 'a', write_id: 'x'.repeat(257) }, '/write_id'],
    [{ chunk: 'YQ' }, '/chunk'],
    [{ chunk: 'YQ=' }, '/chunk'],
    [{ chunk: 'YR==' }, '/chunk'],
    [{ chunk: 'YQ==\n' }, '/chunk'],
    [{ chunk: ' YQ==' }, '/chunk'],
    [{ chunk: 'Y Q=' }, '/chunk'],
    [{ chunk: '_-A=' }, '/chunk'],
    [{ chunk: 'YQ==YQ==' }, '/chunk'],
    [{ chunk: '=' }, '/chunk'],
    [{ chunk: 'é' }, '/chunk'],
  ])('of %j is refused and writes nothing', async (body, pointer) => {
    const id = `refused-${randomBytes(8).toString('hex')}`;
    const bytes = await echoed(id, async (url) => {
      expect(told(await client.post(url, body))).toEqual(invalidAt(pointer));
    });
    expect(bytes).toHaveLength(0);
  });
});

describe('a write of raw bytes', () => {
  it('may have any length and brings each byte', async () => {
    const upload = randomBytes(5_000_000);
    const bytes = await echoed('raw', async (url) => {
      expect(told(await client.upload(url, upload))).toEqual(accepted(5_000_000, 5_000_000));
      expect(told(await client.upload(url, ''))).toEqual(accepted(0, 5_000_000));
    });
    expect(bytes.equals(upload)).toBe(true);
  });

  it('ends the input with ?eof=true', async () => {
    await client.startCat('raw-eof');
    expect(told(await client.upload('/processes/raw-eof/stdin?eof=true', 'a'))).toEqual(
      accepted(1, 1),
    );
    expect(await client.closed('raw-eof')).toMatchObject({ retained_bytes: 1 });
  });

  it('is taken as it arrives, piece by piece', async () => {
    await client.startCat('pieces');
    const connection = await RawConnection.open(service);
    connection.request(
      'POST /processes/pieces/stdin HTTP/1.1',
      'content-type: application/octet-stream',
      'transfer-encoding: chunked',
    );
    for (const [at, piece] of ['a', 'b'].entries()) {
      connection.write(`1\r\n${piece}\r\n`);
      await client.get(`/processes/pieces/wake?after_seq=${at}&wait_ms=20000`);
    }
    connection.write('0\r\n\r\n');
    const { status, body } = await connection.response();
    expect([status, JSON.parse(body)]).toEqual([
      200,
      { status: 'accepted', accepted_bytes: 2, stdin_bytes: 2 },
    ]);
  });

  it('owns the input until it ends, while others wait in order of arrival', async () => {
    await client.startCat('turns');
    const connection = await RawConnection.open(service);
    connection.request(
      'POST /processes/turns/stdin HTTP/1.1',
      'content-type: application/octet-stream',
      'content-length: 2',
    );
    connection.write('a');
    await client.get('/processes/turns/wake?wait_ms=20000');
    const waiting = client.post('/processes/turns/stdin', { text: 'c', eof: true });
    connection.write('b');
    expect(told(await waiting)).toEqual(accepted(1, 3));
    await client.closed('turns');
    expect((await client.get('/processes/turns/output?format=text')).body).toBe('abc');
  });

  it('that is silent while it is read is given up, and what came stays accepted', async () => {
    const impatient = await startService({ REQUEST_MS_MAX: 50 });
    const other = new Client(impatient);
    await other.startCat('p');
    const connection = await RawConnection.open(impatient);
    connection.request(
      'POST /processes/p/stdin HTTP/1.1',
      'content-type: application/octet-stream',
      'content-length: 100',
    );
    const { status, body } = await connection.write('abc').response();
    expect([status, JSON.parse(body)]).toMatchObject([408, { code: 'request_timeout' }]);
    expect(await connection.ended()).toBe('fin');
    expect(told(await other.post('/processes/p/stdin', { text: 'd' }))).toEqual(accepted(1, 4));
    await other.finish('p');
    expect((await other.get('/processes/p/output?format=text')).body).toBe('abcd');
  });

  it('is not given up while the child takes nothing, nor while it waits for its turn', async () => {
    const settings = { REQUEST_MS_MAX: 50, STDIN_QUEUE_BYTES_MAX: 1000 };
    const other = new Client(await startService(settings));
    await other.start({ process_id: 'p', argv: ['sh', '-c', 'sleep 0.4; cat'], pipe_stdin: true });
    const upload = 'x'.repeat(500_000);
    const first = other.upload('/processes/p/stdin', upload);
    const second = other.upload('/processes/p/stdin', 'y');
    expect(told(await first)).toEqual(accepted(500_000, 500_000));
    expect(told(await second)).toEqual(accepted(1, 500_001));
    expect(await other.finish('p')).toMatchObject({ retained_bytes: 500_001 });
  });
});

describe('a raw write that is refused before its end', () => {
  it('leaves its connection to the next request', async () => {
    await client.startCat('kept');
    await client.post('/processes/kept/stdin', { text: 'abc', write_id: 'w' });
    const connection = await RawConnection.open(service);
    connection.request(
      'POST /processes/kept/stdin HTTP/1.1',
      'content-type: application/octet-stream',
      'write-id: w',
      'content-length: 400000',
    );
    connection.write(Buffer.alloc(400_000)).request('GET /livez HTTP/1.1');
    const text = await connection.until((all) => all.includes('{"status":"ok"}'));
    expect(text).toMatch(/^HTTP\/1\.1 409 [^]*"code":"write_id_conflict"/);
  });
});

describe('a repeated write', () => {
  it('is answered again and written once', async () => {
    const bytes = await echoed('again', async (url) => {
      for (let repeat = 0; repeat < 3; repeat += 1) {
        const reply = await client.post(url, { text: 'abc', write_id: 'w' });
        expect(told(reply)).toEqual(accepted(3, 3));
      }
      const raw = await client.upload(url, 'abc', { 'write-id': 'w' });
      expect(told(raw)).toEqual(accepted(3, 3));
    });
    expect(String(bytes)).toBe('abc');
  });

  it('of one under way waits for it', async () => {
    const bytes = await echoed('underway', async (url) => {
      const race = Array.from({ length: 10 }, () =>
        client.post(url, { text: 'abc', write_id: 'w' }),
      );
      for (const reply of await Promise.all(race)) expect(told(reply)).toEqual(accepted(3, 3));
    });
    expect(String(bytes)).toBe('abc');
  });

  it('with other bytes is a conflict', async () => {
    const bytes = await echoed('conflict', async (url) => {
      await client.post(url, { text: 'abc', write_id: 'w' });
      for (const text of ['abd', 'ab', 'abcd', '']) {
        const reply = await client.post(url, { text, write_id: 'w' });
        expect(told(reply)).toEqual(refusal(409, 'write_id_conflict'));
      }
    });
    expect(String(bytes)).toBe('abc');
  });

  it('after the end of the process is still answered', async () => {
    await client.startCat('over');
    const body = { text: 'abc', write_id: 'w', eof: true };
    await client.post('/processes/over/stdin', body);
    await client.closed('over');
    expect(told(await client.post('/processes/over/stdin', body))).toEqual(accepted(3, 3));
  });

  it('goes on where a cut upload stopped, so each byte comes once', async () => {
    await client.startCat('resumed');
    const upload = randomBytes(400_000);
    const connection = await RawConnection.open(service);
    connection.request(
      'POST /processes/resumed/stdin HTTP/1.1',
      'content-type: application/octet-stream',
      'write-id: big',
      `content-length: ${upload.length}`,
    );
    connection.write(upload.subarray(0, 150_000));
    await eventually(
      () => client.process('resumed'),
      ({ retained_bytes }) => retained_bytes === 150_000,
    );
    connection.socket.destroy();
    const headers = { 'write-id': 'big' };
    const reply = await client.upload('/processes/resumed/stdin', upload, headers);
    expect(told(reply)).toEqual(accepted(400_000, 400_000));
    await client.finish('resumed');
    const response = await client.open('/processes/resumed/output?format=raw');
    expect(Buffer.from(await response.arrayBuffer()).equals(upload)).toBe(true);
  });

  it('is remembered for the last ids only', async () => {
    const other = new Client(await startService({ STDIN_WRITE_IDS_MAX: 2 }));
    await other.startCat('p');
    const url = '/processes/p/stdin';
    for (const write_id of ['1', '2', '3']) await other.post(url, { text: 'a', write_id });
    expect(told(await other.post(url, { text: 'a', write_id: '3' }))).toEqual(accepted(1, 3));
    expect(told(await other.post(url, { text: 'a', write_id: '1' }))).toEqual(accepted(1, 4));
  });
});

describe('a write that the child does not take', () => {
  it('is refused as full, with how much was accepted, and goes on when it is repeated', async () => {
    const settings = { STDIN_QUEUE_BYTES_MAX: 1000, STDIN_STALL_MS: 30 };
    const other = new Client(await startService(settings));
    const go = path.join(mkdtempSync(path.join(tmpdir(), 'procession-go-')), 'go');
    const script = `while [ ! -e ${go} ]; do sleep 0.01; done; cat`;
    await other.start({ process_id: 'q', argv: ['sh', '-c', script], pipe_stdin: true });
    const text = 'x'.repeat(300_000);
    const reply = await other.post('/processes/q/stdin', { text, write_id: 'w' });
    const { accepted_bytes } = reply.body as { accepted_bytes: number };
    expect(told(reply)).toEqual(
      refusal(429, 'stdin_full', { accepted_bytes, stdin_bytes: accepted_bytes }),
    );
    expect(reply.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(accepted_bytes).toBeGreaterThan(1000);
    const raw = await other.upload('/processes/q/stdin', text, { 'write-id': 'w' });
    expect(told(raw)).toEqual(
      refusal(429, 'stdin_full', { accepted_bytes, stdin_bytes: accepted_bytes }),
    );
    writeFileSync(go, '');
    const rest = await eventually(
      () => other.upload('/processes/q/stdin', text, { 'write-id': 'w' }),
      ({ status }) => status !== 429,
    );
    expect(told(rest)).toEqual(accepted(300_000, 300_000));
    expect(await other.finish('q')).toMatchObject({ retained_bytes: 300_000 });
    rmSync(path.dirname(go), { recursive: true });
  });

  it.each<readonly [string, object, boolean]>([
    ['never opened', { argv: ['sleep', '60'] }, false],
    ['ended', deaf, true],
  ])('is refused when the input was %s', async (name, params, ends) => {
    const process_id = name.replace(' ', '-');
    await client.start({ process_id, ...params });
    if (ends) await client.post(`/processes/${process_id}/stdin`, { eof: true });
    for (const body of [{ text: 'a' }, { eof: true }]) {
      const reply = await client.post(`/processes/${process_id}/stdin`, body);
      expect(told(reply)).toEqual(refusal(409, 'stdin_closed'));
    }
    expect(told(await client.upload(`/processes/${process_id}/stdin`, 'a'))).toEqual(
      refusal(409, 'stdin_closed'),
    );
    expect(await client.process(process_id)).toMatchObject({ stdin: 'closed' });
  });

  it('is refused when the process is gone, with what it had accepted', async () => {
    const { pid } = await client.start({ process_id: 'gone', ...deaf });
    const waiting = client.upload('/processes/gone/stdin', Buffer.alloc(5_000_000));
    await eventually(
      () => client.post('/processes/gone/signal', { signal: 'SIGCONT' }),
      ({ status }) => status === 200,
    );
    process.kill(pid, 'SIGKILL');
    const reply = await waiting;
    expect(told(reply)).toEqual(refusal(409, 'stdin_closed', { accepted_bytes: anyNumber }));
    expect(told(await client.post('/processes/gone/stdin', { text: 'a' }))).toEqual(
      refusal(409, 'stdin_closed'),
    );
  });
});
