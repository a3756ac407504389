import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { openFilesEngine } from '../../src/engine/files/engine.ts';
import { running } from '../../src/log/lifecycle.ts';
import { createService } from '../../src/service.ts';
import { outputs, recordOf, temporaryDirectory } from './engine/fixtures.ts';

/** Starts a service on a store that was left so, and stops it; what it logged meanwhile. */
async function logOf(dir: string): Promise<readonly object[]> {
  const lines: object[] = [];
  const stream = new Writable({
    write(line, _encoding, done) {
      const { msg, processes, logs, processes_lost, kept_at } = JSON.parse(String(line)) as Record<
        string,
        unknown
      >;
      lines.push({ msg, processes, logs, processes_lost, kept_at });
      done();
    },
  });
  const config = loadConfig({ PROCESSION_DATA_DIR: dir, PROCESSION_SHUTDOWN_GRACE_MS: '100' });
  const service = await createService(config, process.env, pino(stream));
  await service.stop();
  return lines;
}

function storeIn(dir: string): ReturnType<typeof openFilesEngine> {
  const replay = { eventsMax: 10, bytesMax: 1000 };
  return openFilesEngine({ dir, retainedBytesMax: 1000, replay });
}

test('a service says what had to be repaired before it could start, and nothing else', async () => {
  const dir = temporaryDirectory();
  expect(await logOf(dir)).toEqual([]);
  const engine = storeIn(dir);
  for (const id of ['ran', 'damaged']) {
    await engine.create(recordOf(id));
    await engine.append(recordOf(id), outputs([5]), running);
  }
  await engine.close();
  const database = new DatabaseSync(join(dir, 'metadata.sqlite'));
  database.exec(`UPDATE processes SET record = record || ' ' WHERE process_id = 'damaged'`);
  database.close();
  mkdirSync(join(dir, 'logs', 'ab'.repeat(16)));
  expect(await logOf(dir)).toEqual([
    { msg: 'logs of no process', logs: 1 },
    { msg: 'recovered after a crash', processes: 1 },
    { msg: 'metadata was damaged', processes_lost: 1, kept_at: null },
  ]);
  expect(await logOf(dir)).toEqual([{ msg: 'logs of no process', logs: 1 }]);
});
