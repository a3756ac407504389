import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { Client } from '../routes/client.ts';
import { readFrames } from '../routes/events.ts';
import { ServiceProgram, temporaryDirectory } from '../routes/subprocess.ts';
import { eventually } from '../support/eventually.ts';
import type { Settings } from '../support/service.ts';

const mebibyte = 1024 * 1024;

/** A service on a disk of a few MiB that nobody else sees, and a file that takes most of it. */
interface SmallDisk {
  readonly client: Client;
  /** Waits until the store takes nothing, and sees to it that this stays so. */
  readonly fill: () => Promise<void>;
  /** Removes the file, so that there is room again. */
  readonly makeRoom: () => void;
}

async function onSmallDisk(settings: Settings = {}): Promise<SmallDisk> {
  const dir = temporaryDirectory();
  const mount = 'mount -t tmpfs -o size=12m tmpfs "$0" && exec "$@"';
  const unshare = process.getuid?.() === 0 ? ['-m'] : ['-rm'];
  const service = [process.execPath, path.resolve('src/main.ts')];
  const command = ['unshare', ...unshare, 'sh', '-c', mount, dir, ...service] as const;
  const program = new ServiceProgram([...command], {
    DATA_DIR: path.join(dir, 'data'),
    ...settings,
  });
  const client = new Client({ url: await program.url() });
  // The service sees its disk where we see an empty directory.
  const ballast = `/proc/${program.pid}/root${dir}/ballast`;
  writeFileSync(ballast, Buffer.alloc(8 * mebibyte));
  return {
    client,
    async fill() {
      await degraded(client);
      fillUp(`${ballast}-rest`);
      await degraded(client);
    },
    makeRoom() {
      rmSync(ballast);
    },
  };
}

/** Takes what is left: the kernel counts pages in advance, so a refused write may find some later. */
function fillUp(path: string): void {
  try {
    for (;;) appendFileSync(path, Buffer.alloc(4096));
  } catch (error) {
    if (!String(error).includes('ENOSPC')) throw error;
  }
}

/** Writes numbered lines, 6 MiB of them, which is more than there is room for; then ends. */
const lines = 800_000;
const writer = { process_id: 'w', argv: ['seq', '1', String(lines)] };

async function degraded(client: Client): Promise<void> {
  await eventually(
    () => client.get('/readyz'),
    ({ body }) => JSON.stringify(body) === '{"status":"degraded"}',
  );
}

function sequence(last: number): string {
  return Array.from({ length: last }, (_, index) => `${index + 1}\n`).join('');
}

function bytesOf(text: string): number {
  return Buffer.byteLength(text);
}

describe('a disk that is full', () => {
  let disk: SmallDisk;
  let client: Client;

  describe('with processes that wait', () => {
    beforeEach(async () => {
      disk = await onSmallDisk();
      client = disk.client;
      await client.start({ process_id: 'before', argv: ['echo', 'before'] });
      await client.closed('before');
      await client.start(writer);
      await disk.fill();
    });

    test('refuses starts with 507, lets readers read, and has all once there is room', async () => {
      const { status, body } = await client.post('/processes', { argv: ['echo', 'x'] });
      expect([status, body]).toMatchObject([507, { code: 'store_full', status: 507 }]);
      expect((await client.get('/readyz')).status).toBe(200);
      expect(await client.metric('procession_store_degraded')).toBe(1);
      expect((await client.get('/processes/before/output?format=text')).body).toBe('before\n');
      const { state, next_seq, pid } = await client.process('w');
      expect([state, readFileSync(`/proc/${pid}/comm`, 'utf8')]).toEqual(['running', 'seq\n']);
      const page = await client.get('/processes/w/output?max_bytes=1000');
      expect(page).toMatchObject({ status: 200, body: { head_seq: next_seq - 1, gap: null } });
      disk.makeRoom();
      expect((await client.closed('w')).exit_code).toBe(0);
      const output = await client.get('/processes/w/output?format=text');
      expect(String(output.body) === sequence(lines)).toBe(true);
      expect((await client.get('/readyz')).body).toEqual({ status: 'ready' });
      expect(await client.metric('procession_store_degraded')).toBe(0);
      await client.start({ argv: ['echo', 'after'] });
    });

    test('lets a stream that follows go on where it was', async () => {
      const stream = client.open('/processes/w/output?format=sse&after_seq=0');
      disk.makeRoom();
      const { frames: events, end } = await readFrames(await stream);
      expect(end).toBe('clean');
      const text = events
        .map(({ data }) => data as { readonly type: string; readonly chunk?: string })
        .map(({ chunk = '' }) => chunk)
        .join('');
      expect(text === sequence(lines)).toBe(true);
      expect(events.at(-1)?.event).toBe('closed');
    });

    test('lets a process be terminated, whose end is stored when there is room', async () => {
      const { status } = await client.post('/processes/w/terminate', {});
      expect(status).toBe(200);
      const { pid } = await client.process('w');
      await eventually(
        () => isThere(pid),
        (there) => !there,
      );
      expect((await client.process('w')).state).toBe('running');
      disk.makeRoom();
      expect(await client.closed('w')).toMatchObject({ exit_reason: 'terminated' });
    });
  });

  test('with processes whose output is dropped holds nobody up, and the gaps are exact', async () => {
    disk = await onSmallDisk({ ON_STORE_ERROR: 'drop' });
    client = disk.client;
    const { pid } = await client.start(writer);
    await degraded(client);
    await eventually(
      () => isThere(pid),
      (there) => !there,
    );
    disk.makeRoom();
    expect((await client.closed('w')).exit_code).toBe(0);
    const answer = await client.open('/processes/w/output?format=sse&after_seq=0');
    const { frames: events } = await readFrames(answer);
    const data = events.map((event) => event.data as { chunk?: string; bytes?: number });
    const kept = data.reduce((sum, { chunk = '' }) => sum + bytesOf(chunk), 0);
    const dropped = data.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
    expect(dropped).toBeGreaterThan(0);
    expect(kept + dropped).toBe(bytesOf(sequence(lines)));
  });

  test('with processes that end because of it ends them, and says so later', async () => {
    disk = await onSmallDisk({ ON_STORE_ERROR: 'terminate' });
    client = disk.client;
    await client.start({ process_id: 'w', argv: ['sh', '-c', 'seq 1 800000; sleep 1000'] });
    await degraded(client);
    const { pid } = await client.process('w');
    await eventually(
      () => isThere(pid),
      (there) => !there,
    );
    disk.makeRoom();
    expect(await client.closed('w')).toMatchObject({ exit_reason: 'terminated' });
  });
});

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
