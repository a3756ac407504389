import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Client } from '../routes/client.ts';
import { parseSse } from '../routes/events.ts';
import { RawConnection, parseResponse } from '../routes/raw-connection.ts';
import type { ServiceProgram } from '../routes/subprocess.ts';
import { startProgram, temporaryDirectory } from '../routes/subprocess.ts';
import { eventually } from '../support/eventually.ts';
import type { Settings } from '../support/service.ts';

/** Longer than every time that these tests set, and than the pause between two looks at headers. */
const stopMs = 1500;

/** A service of its own, and a client of it. */
interface Running {
  readonly program: ServiceProgram;
  readonly client: Client;
}

async function start(settings: Settings = {}): Promise<Running> {
  const program = startProgram({ DATA_DIR: temporaryDirectory(), ...settings });
  return { program, client: new Client({ url: await program.url() }) };
}

/** Stops the service and lets it go on; `meanwhile` is done while it stands still. */
async function holdUp({ program }: Running, meanwhile?: () => void): Promise<void> {
  program.child.kill('SIGSTOP');
  await eventually(
    () => /\) (\S)/.exec(readFileSync(`/proc/${program.pid}/stat`, 'utf8'))?.[1],
    (state) => state === 'T',
  );
  meanwhile?.();
  await sleep(stopMs);
  program.child.kill('SIGCONT');
}

/** Reads a response a little at a time, so that the service has always more to send. */
class SlowReader {
  readonly #response: IncomingMessage;
  readonly #timer: NodeJS.Timeout;
  #budget = 0;
  /** Resolves at the end of the response. */
  readonly read: Promise<{ readonly isComplete: boolean }>;

  private constructor(response: IncomingMessage) {
    this.#response = response;
    this.read = new Promise((resolve) => {
      response.once('close', () => {
        resolve({ isComplete: response.complete });
      });
    });
    response
      .on('error', () => undefined)
      .on('data', (piece: Buffer) => {
        this.#budget -= piece.length;
        if (this.#budget <= 0) response.pause();
      });
    this.#timer = setInterval(() => {
      this.#budget = 256 * 1024;
      response.resume();
    }, 50);
    onTestFinished(() => {
      clearInterval(this.#timer);
      response.destroy();
    });
  }

  static open(url: string): Promise<SlowReader> {
    const { promise, resolve } = Promise.withResolvers<SlowReader>();
    get(url, { agent: false }, (response) => {
      resolve(new SlowReader(response));
    });
    return promise;
  }

  /** Reads nothing more. */
  pause(): void {
    clearInterval(this.#timer);
    this.#response.pause();
  }

  /** Reads all that is left, as fast as it comes. */
  finish(): void {
    this.#budget = Infinity;
    this.#response.resume();
  }
}

const uploadHead = [
  'POST /processes/p/stdin HTTP/1.1',
  'content-type: application/octet-stream',
  'transfer-encoding: chunked',
];
const startHead =
  'POST /processes HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 17\r\n\r\n';

describe('a service that was stopped for longer than it has patience', () => {
  it('cuts no reader that takes what there is', { timeout: 60_000 }, async () => {
    const stallMs = 800;
    const size = 24_000_000;
    const running = await start({ READER_STALL_MS: stallMs });
    const { client } = running;
    await client.start({ process_id: 'p', argv: ['head', '-c', String(size), '/dev/zero'] });
    await client.closed('p');
    // One after the other, so that the service stops at every stage of its patience.
    const readers: SlowReader[] = [];
    for (let index = 0; index < 8; index += 1) {
      const format = index % 2 === 0 ? 'raw' : 'sse';
      readers.push(await SlowReader.open(`${client.url}/processes/p/output?format=${format}`));
      await sleep(stallMs / 8);
    }
    for (const reader of readers) reader.pause();
    await sleep(stallMs / 3);
    await holdUp(running, () => {
      for (const reader of readers) reader.finish();
    });
    const results = await Promise.all(readers.map(({ read }) => read));
    expect(results.filter(({ isComplete }) => isComplete).length).toBe(readers.length);
  });

  it.each(['while it stood still', 'when it went on'])(
    'takes an upload of which more comes %s',
    async (when) => {
      const running = await start({ REQUEST_MS_MAX: 400 });
      const { client } = running;
      await client.startCat('p');
      const connection = await RawConnection.open(client);
      connection.request(...uploadHead).write('3\r\nabc\r\n');
      await client.get('/processes/p/wake?wait_ms=20000');
      const sendRest = (): void => void connection.write('3\r\ndef\r\n0\r\n\r\n');
      await holdUp(running, when === 'while it stood still' ? sendRest : undefined);
      if (when === 'when it went on') sendRest();
      const { status, body } = await connection.response();
      expect([status, JSON.parse(body)]).toMatchObject([200, { accepted_bytes: 6 }]);
    },
  );

  it.each([
    ['the headers', ['GET /livez HTTP/1.1\r\nhost: local', 'host\r\n\r\n']],
    ['a body of JSON', [`${startHead}{"argv":["tr`, 'ue"]}']],
  ])('reads %s of which the rest came meanwhile', async (_what, [first = '', rest = '']) => {
    const running = await start({ REQUEST_MS_MAX: 400 });
    const connection = await RawConnection.open(running.client);
    connection.write(first);
    await running.client.get('/livez');
    await holdUp(running, () => connection.write(rest));
    expect((await connection.response()).status).toBeOneOf([200, 201]);
  });

  it('answers long-polls: what happened meanwhile, or that their time is over', async () => {
    const running = await start();
    const { client } = running;
    await client.startCat('p');
    await client.startCat('silent');
    const poll = client.get('/processes/p/output?wait_ms=60000');
    const short = client.get('/processes/silent/output?wait_ms=300');
    const write = await RawConnection.open(client);
    await client.get('/livez');
    await holdUp(running, () => {
      write.request(...uploadHead).write('1\r\na\r\n0\r\n\r\n');
    });
    expect((await write.response()).status).toBe(200);
    expect(await poll).toMatchObject({ status: 200, body: { chunks: [{ chunk: 'a' }] } });
    expect(await short).toMatchObject({ status: 200, body: { chunks: [], next_seq: 1 } });
  });

  it('goes on with its heartbeats, and with the events behind them', async () => {
    const running = await start({ HEARTBEAT_MS: 100, READER_STALL_MS: 400 });
    const { client } = running;
    await client.startCat('p');
    const stream = await RawConnection.open(client);
    stream.request('GET /processes/p/events?after_seq=0 HTTP/1.1');
    const comments = (): number => parseSse(parseResponse(stream.text).body).comments;
    await eventually(comments, (count) => count >= 2);
    await holdUp(running);
    const before = comments();
    await eventually(comments, (count) => count >= before + 2);
    await client.emit('p', 'a');
    await client.finish('p');
    const { body, isComplete } = await stream.response();
    const types = parseSse(body).frames.map(({ event }) => event);
    expect({ isComplete, types }).toEqual({
      isComplete: true,
      types: ['output', 'exited', 'closed'],
    });
  });

  it('ends a child whose time ran out meanwhile, and takes all that the others wrote', async () => {
    const running = await start();
    const { client } = running;
    await client.startCat('timed', { timeout_ms: stopMs / 2 });
    const argv = ['bash', '-c', 'read; for ((i = 0; i < 2000; i++)); do echo "line $i"; done'];
    await client.start({ process_id: 'busy', argv, pipe_stdin: true });
    await client.post('/processes/busy/stdin', { eof: true });
    await holdUp(running);
    expect(await client.closed('timed')).toMatchObject({ exit_reason: 'timeout' });
    expect(await client.closed('busy')).toMatchObject({ exit_code: 0, exit_reason: 'exited' });
    const { body } = await client.get('/processes/busy/output?format=text');
    const lines = Array.from({ length: 2000 }, (_, index) => `line ${index}\n`);
    expect(body).toBe(lines.join(''));
  });
});
