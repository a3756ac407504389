import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Client } from '../routes/client.ts';
import { parseSse } from '../routes/events.ts';
import { RawConnection, parseResponse } from '../routes/raw-connection.ts';
import { ServiceProgram, temporaryDirectory } from '../routes/subprocess.ts';
import { eventually } from '../support/eventually.ts';
import type { Settings } from '../support/service.ts';

const hourMs = 3_600_000;
const clock = path.resolve('test/fixtures/jumping-clock.ts');

/** A service whose wall clock the test sets. */
class JumpingService {
  readonly client: Client;
  readonly #offsetFile: string;

  private constructor(client: Client, offsetFile: string) {
    this.client = client;
    this.#offsetFile = offsetFile;
  }

  static async start(settings: Settings = {}): Promise<JumpingService> {
    const directory = temporaryDirectory();
    const offsetFile = path.join(directory, 'offset');
    writeFileSync(offsetFile, '0');
    const program = new ServiceProgram(
      [
        'env',
        `CLOCK_OFFSET_FILE=${offsetFile}`,
        process.execPath,
        '--import',
        clock,
        'src/main.ts',
      ],
      { DATA_DIR: path.join(directory, 'data'), ...settings },
    );
    return new JumpingService(new Client({ url: await program.url() }), offsetFile);
  }

  /** Sets the wall clock so far from the true time. */
  jump(offsetMs: number): void {
    writeFileSync(`${this.#offsetFile}.new`, String(offsetMs));
    renameSync(`${this.#offsetFile}.new`, this.#offsetFile);
  }

  /** How far its wall clock is from ours, in whole hours. */
  async hoursAhead(): Promise<number> {
    const { started_at } = await this.client.start({ argv: ['true'] });
    return Math.round((Date.parse(started_at) - Date.now()) / hourMs);
  }

  /** The ids of all processes, page by page, as the list has them. */
  async list(): Promise<readonly string[]> {
    const ids: string[] = [];
    for (let cursor = ''; ;) {
      const { body } = await this.client.get(`/processes?limit=1&state=closed${cursor}`);
      const text = JSON.stringify(body);
      ids.push(...(/"process_id":"([^"]+)"/.exec(text)?.slice(1) ?? []));
      const [, next] = /"next_cursor":"([^"]+)"/.exec(text) ?? [];
      if (next === undefined) return ids;
      cursor = `&cursor=${next}`;
    }
  }
}

/** How long something takes to come. */
async function msUntil(happens: Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await happens;
  return performance.now() - startedAt;
}

const jumps = [
  ['an hour ahead', hourMs],
  ['an hour back', -hourMs],
] as const;

describe.each(jumps)('a wall clock that jumps %s', (_name, offsetMs) => {
  it('moves neither a timeout, nor a grace, nor a long-poll, nor a heartbeat', async () => {
    const ms = 1500;
    const heartbeatMs = 300;
    const service = await JumpingService.start({ HEARTBEAT_MS: heartbeatMs });
    const { client } = service;
    const stream = await RawConnection.open(client);
    const comments = (): number => parseSse(parseResponse(stream.text).body).comments;
    await client.startCat('timed', { timeout_ms: ms });
    const timed = msUntil(client.closed('timed'));
    const argv = ['sh', '-c', 'trap "" TERM; echo ready; exec sleep 1000'];
    await client.start({ process_id: 'deaf', argv, grace_ms: ms });
    await client.get('/processes/deaf/wake?wait_ms=20000');
    await client.post('/processes/deaf/terminate', {});
    const graced = msUntil(client.closed('deaf'));
    await client.startCat('silent');
    const polled = msUntil(client.get(`/processes/silent/output?wait_ms=${ms}`));
    stream.request('GET /processes/silent/events HTTP/1.1');
    await eventually(comments, (count) => count === 1);
    service.jump(offsetMs);
    expect(await service.hoursAhead()).toBe(offsetMs / hourMs);
    const before = comments();
    const beaten = msUntil(eventually(comments, (count) => count >= before + 3));
    const all = await Promise.all([timed, graced, polled, beaten]);
    for (const [index, dueMs] of [ms, ms, ms, 2 * heartbeatMs].entries()) {
      expect(all[index]).toBeGreaterThan(dueMs / 2);
      expect(all[index]).toBeLessThan(10_000);
    }
    const { exit_reason } = await client.process('timed');
    const { signal } = await client.process('deaf');
    expect({ exit_reason, signal }).toEqual({ exit_reason: 'timeout', signal: 'SIGKILL' });
  });

  it('leaves the list in the order of the starts, also from page to page', async () => {
    const service = await JumpingService.start({ RETENTION_MS: 24 * hourMs });
    const ids = ['a', 'b', 'c', 'd'];
    for (const [index, process_id] of ids.entries()) {
      service.jump(index % 2 === 0 ? 0 : offsetMs);
      await service.client.start({ process_id, argv: ['true'] });
      await service.client.closed(process_id);
    }
    expect(await service.list()).toEqual(ids.toReversed());
  });

  it('leaves readers where they are, and those that come back where they were', async () => {
    const service = await JumpingService.start();
    const { client } = service;
    await client.startCat('p');
    await client.emit('p', 'a', 'b');
    const stayed = await RawConnection.open(client);
    stayed.request('GET /processes/p/events?after_seq=0 HTTP/1.1');
    await stayed.until((text) => text.includes('\nid: 2'));
    service.jump(offsetMs);
    await client.emit('p', 'c', 'd');
    const resumed = await RawConnection.open(client);
    resumed.request('GET /processes/p/events HTTP/1.1', 'last-event-id: 2');
    await client.finish('p');
    const read = async (connection: RawConnection): Promise<object> => {
      const { body, isComplete } = await connection.response();
      return { isComplete, ids: parseSse(body).frames.map(({ id }) => Number(id)) };
    };
    expect(await read(stayed)).toEqual({ isComplete: true, ids: [1, 2, 3, 4, 5, 6] });
    expect(await read(resumed)).toEqual({ isComplete: true, ids: [3, 4, 5, 6] });
  });
});

describe('retention', () => {
  it('is not over because the wall clock jumps an hour ahead', async () => {
    const service = await JumpingService.start();
    const { client } = service;
    await client.start({ process_id: 'kept', argv: ['true'], retention_ms: 600_000 });
    await client.closed('kept');
    service.jump(hourMs);
    // A process that has no retention tells that the service has looked for what is over.
    await client.start({ process_id: 'told', argv: ['true'], retention_ms: 0 });
    await eventually(
      () => client.get('/processes/told'),
      ({ status }) => status === 410,
    );
    expect((await client.get('/processes/kept')).status).toBe(200);
  });

  it('is over in time although the wall clock jumps an hour back', async () => {
    const service = await JumpingService.start();
    const { client } = service;
    await client.start({ process_id: 'p', argv: ['true'], retention_ms: 2000 });
    await client.closed('p');
    service.jump(-hourMs);
    const took = await msUntil(
      eventually(
        () => client.get('/processes/p'),
        ({ status }) => status === 410,
      ),
    );
    expect(took).toBeGreaterThan(1000);
    expect(took).toBeLessThan(6000);
  });
});
