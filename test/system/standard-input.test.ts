import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connect } from '../../src/client/remote-backend.ts';
import { ProcessionError } from '../../src/errors.ts';
import type { ExecProcess } from '../../src/exec-backend.ts';
import { openProxy } from '../support/cutting-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { seededRandom } from '../support/seeded-random.ts';
import type { Settings } from '../support/service.ts';
import { ServiceProcess } from './service-process.ts';

const mebibyte = 1024 * 1024;

async function startService(settings: Settings = {}): Promise<ServiceProcess> {
  const service = await ServiceProcess.start(settings);
  onTestFinished(() => service.remove());
  return service;
}

/** Starts a process with a piped input through a client of its own. */
async function start(url: string, argv: readonly string[]): Promise<ExecProcess> {
  const backend = connect(url, { reconnectMsMax: 20 });
  onTestFinished(() => backend.close());
  return (await backend.start({ argv, pipe_stdin: true })).process;
}

async function outputAtClose(process: ExecProcess): Promise<string> {
  await eventually(
    () => process.snapshot(),
    ({ state }) => state === 'closed',
  );
  const { chunks } = await process.read({});
  return Buffer.concat(chunks.map(({ chunk }) => chunk)).toString();
}

function rssBytes(pid: number): number {
  const [, kibibytes] =
    /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}

describe('100 MB of input', () => {
  test('at a child that never reads are refused, and cost no memory', async () => {
    const service = await startService({ STDIN_STALL_MS: 500 });
    const process = await start(service.url, ['sleep', '600']);
    await process.write({ chunk: Buffer.from('x') });
    const before = rssBytes(service.pid);
    let sentBytes = 0;
    const pieces = async function* () {
      const piece = Buffer.alloc(mebibyte);
      for (; sentBytes < 100 * mebibyte; sentBytes += mebibyte) yield await Promise.resolve(piece);
    };
    const refusal: unknown = await process.write({ chunk: pieces() }).catch((e: unknown) => e);
    expect(refusal).toBeInstanceOf(ProcessionError);
    const { code, members } = refusal as ProcessionError;
    const accepted = Number(members['accepted_bytes']);
    expect([code, members['stdin_bytes']]).toEqual(['stdin_full', accepted + 1]);
    // The queue of 1 MiB and what a pipe holds.
    expect(accepted).toBeGreaterThanOrEqual(mebibyte);
    expect(accepted).toBeLessThanOrEqual(mebibyte + 256 * 1024);
    expect(rssBytes(service.pid) - before).toBeLessThan(32 * mebibyte);
  });

  test(
    'in 10 000 pieces over cut connections reach the child once each, and in order',
    { timeout: 240_000 },
    async () => {
      const service = await startService();
      const random = seededRandom(6);
      const proxy = await openProxy(service.url, () => ({
        up: 1000 + Math.floor(random() * 1_500_000),
        down: 500 + Math.floor(random() * 60_000),
      }));
      const process = await start(proxy.url, ['sha256sum']);
      const hash = createHash('sha256');
      for (let index = 0; index < 10_000; index += 1) {
        const chunk = randomBytes(10_000);
        hash.update(chunk);
        await process.write({ chunk, write_id: `piece-${index}`, eof: index === 9999 });
      }
      expect(await outputAtClose(process)).toBe(`${hash.digest('hex')}  -\n`);
      expect(await process.snapshot()).toMatchObject({ exit_code: 0, exit_reason: 'exited' });
      expect(proxy.cuts).toBeGreaterThan(50);
    },
  );
});
