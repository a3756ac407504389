import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startService } from '../support/service.ts';
import { Client } from './client.ts';
import type { RawResponse } from './raw-connection.ts';
import { RawConnection } from './raw-connection.ts';
import { startProgram, temporaryDirectory } from './subprocess.ts';

const mebibyte = 1024 * 1024;

/** What the data of a stream of output may hold. */
interface EventData {
  readonly type: string;
  readonly seq?: number;
  readonly chunk?: string;
  readonly from_seq?: number;
  readonly to_seq?: number;
  readonly bytes?: number;
}

/** Opens a stream and reads nothing of it. */
async function stalled(service: { readonly url: string }, path: string): Promise<RawConnection> {
  const connection = await RawConnection.open(service);
  connection.socket.pause();
  return connection.request(`GET ${path} HTTP/1.1`);
}

function readers(client: Client, count: number): Promise<number> {
  return eventually(
    () => client.metric('procession_readers'),
    (open) => open === count,
  );
}

describe('a reader that reads nothing', () => {
  it('costs bounded memory, holds up nobody, and is cut', async () => {
    const program = startProgram({
      DATA_DIR: temporaryDirectory(),
      RETAINED_OUTPUT_BYTES_MAX: 400 * mebibyte,
      READER_STALL_MS: 500,
    });
    const service = { url: await program.url() };
    const client = new Client(service);
    const size = 200_000_000;
    await client.startCat('warm');
    const { rss } = program.memory();
    const argv = ['head', '-c', String(size), '/dev/zero'];
    await client.start({ process_id: 'p', argv });
    for (const path of ['events', 'output?format=sse', 'output?format=raw&follow=true']) {
      await stalled(service, `/processes/p/${path}`);
    }
    const response = await client.open('/processes/p/output?format=raw&follow=true');
    let bytes = 0;
    for await (const piece of response.body ?? []) bytes += (piece as Uint8Array).length;
    expect(bytes).toBe(size);
    expect((program.memory().peak - rss) / mebibyte).toBeLessThan(150);
    await readers(client, 0);
    expect(await client.closed('p')).toMatchObject({ exit_code: 0, retained_bytes: size });
  });

  it.each(['events?after_seq=0', 'output?format=sse', 'output?format=raw&follow=true'])(
    'of %s costs the service at most 1 MiB',
    async (path) => {
      const program = startProgram({
        DATA_DIR: temporaryDirectory(),
        REPLAY_BYTES_MAX: 32 * mebibyte,
        REPLAY_EVENTS_MAX: 1_000_000,
      });
      const service = { url: await program.url() };
      const client = new Client(service);
      const argv = ['head', '-c', '30000000', '/dev/zero'];
      await client.start({ process_id: 'p', argv });
      await client.closed('p');
      const rssWith = async (count: number): Promise<number> => {
        const open = await client.metric('procession_readers');
        for (let more = open; more < count; more += 1) {
          await stalled(service, `/processes/p/${path}`);
        }
        await readers(client, count);
        return program.memory().rss / mebibyte;
      };
      // The first ones pay for what the allocator and the heap keep.
      const first = await rssWith(50);
      await eventually(
        async () => ((await rssWith(250)) - first) / 200,
        (mebibytes) => mebibytes <= 1,
      );
    },
  );

  it.each(['events', 'output?format=sse', 'output?format=ndjson', 'output?format=raw'])(
    'of %s leaves nothing open when it vanishes',
    async (path) => {
      const service = await startService();
      const client = new Client(service);
      const argv = ['sh', '-c', 'head -c 30000000 /dev/zero; exec sleep 60'];
      await client.start({ process_id: 'p', argv });
      await eventually(
        () => client.process('p'),
        ({ retained_bytes }) => retained_bytes === 30_000_000,
      );
      const connection = await stalled(service, `/processes/p/${path}`);
      await readers(client, 1);
      connection.socket.destroy();
      await readers(client, 0);
    },
  );
});

describe('a reader that eviction overtakes', () => {
  /** The bytes of a stream whose reader slept while most of the output was evicted. */
  async function overtaken(path: string): Promise<RawResponse> {
    const settings = { RETAINED_OUTPUT_BYTES_MAX: 1_000_000, REPLAY_BYTES_MAX: 100_000 };
    const service = await startService(settings);
    const client = new Client(service);
    const argv = ['sh', '-c', 'read go; exec head -c 20000000 /dev/zero'];
    await client.start({ process_id: 'p', argv, pipe_stdin: true });
    const connection = await stalled(service, `/processes/p/output?${path}`);
    await readers(client, 1);
    await client.post('/processes/p/stdin', { text: 'go\n' });
    await client.closed('p');
    connection.socket.resume();
    return connection.response();
  }

  it.each(['sse', 'ndjson'])('gets a gap as %s, then the rest to a clean end', async (format) => {
    const { body, isComplete } = await overtaken(`format=${format}`);
    const lines = body.split('\n').flatMap((line) => /^(?:data: )?(\{.*)/.exec(line)?.[1] ?? []);
    const events = lines.map((line) => JSON.parse(line) as EventData);
    let next = 1;
    let bytes = 0;
    for (const event of events) {
      expect(event.from_seq ?? event.seq).toBe(next);
      next = (event.to_seq ?? event.seq ?? 0) + 1;
      bytes += event.bytes ?? Buffer.byteLength(event.chunk ?? '', 'base64');
    }
    expect(new Set(events.map(({ type }) => type))).toEqual(
      new Set(['output', 'gap', 'exited', 'closed']),
    );
    expect({ bytes, isComplete }).toEqual({ bytes: 20_000_000, isComplete: true });
  });

  it('as raw bytes ends abruptly before the hole', async () => {
    const { headers, body, isComplete } = await overtaken('format=raw&follow=true');
    expect(isComplete).toBe(false);
    expect(headers).toMatchObject({ 'first-seq': '1', 'gap-bytes': '0' });
    expect(body.length).toBeLessThan(20_000_000);
  });
});

describe('a reader that vanishes while it waits', () => {
  it.each(['events', 'output?format=sse', 'output?format=raw&follow=true'])(
    'leaves nothing open of %s',
    async (path) => {
      const service = await startService();
      const client = new Client(service);
      await client.startCat('p');
      const connection = await RawConnection.open(service);
      connection.request(`GET /processes/p/${path} HTTP/1.1`);
      await readers(client, 1);
      connection.socket.destroy();
      await readers(client, 0);
    },
  );

  it('of a long-poll leaves the next one to be answered', async () => {
    const service = await startService();
    const client = new Client(service);
    await client.startCat('p');
    const connection = await RawConnection.open(service);
    connection.request('GET /processes/p/output?wait_ms=60000 HTTP/1.1');
    connection.socket.destroy();
    await client.emit('p', 'a');
    expect((await client.get('/processes/p/output')).body).toMatchObject({ head_seq: 1 });
  });
});
