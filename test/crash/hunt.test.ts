import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Archive } from './archive.ts';
import { killOrphans, orphansOf } from './orphans.ts';
import { crashVariable, markOf } from './proc.ts';
import { closedOne } from './sample.ts';

test('a child that outlives its time is found and told by who had been told of it', async () => {
  const life = { campaign: 'hunt-test', number: 2, diaries: '/nowhere' };
  const ends = ['1-echo', '2-new'].map((key, index) => {
    const env = { [crashVariable]: markOf(life.campaign, index + 1, key) };
    const child = spawn('/bin/sleep', ['60'], { env, stdio: 'ignore' });
    return once(child, 'exit');
  });
  const served = { ...closedOne.served, status: 404 };
  const claim = { ...closedOne.claim, key: '2-new', isAcknowledged: false };
  const known = [closedOne, { ...closedOne, claim, served }];
  const longAgo = performance.now() - 60_000;
  expect(await orphansOf({ ...life, number: 0 }, [], longAgo)).toEqual([]);
  const left = await orphansOf(life, known, longAgo);
  expect(
    left
      .map(({ check, key }) => `${key} ${check}`)
      .toSorted()
      .join(', '),
  ).toBe('1-echo orphan, 2-new orphan unknown');
  killOrphans(life);
  expect(await Promise.all(ends)).toEqual([
    [null, 'SIGKILL'],
    [null, 'SIGKILL'],
  ]);
  expect(await orphansOf(life, known, longAgo)).toEqual([]);
});

test('a process that is another in a later life is found', async () => {
  const diaries = mkdtempSync(path.join(tmpdir(), 'procession-test-'));
  const life = { campaign: 'hunt-test', number: 1, diaries };
  let process: object = closedOne.served.snapshot ?? {};
  const server = createServer((request, response) => {
    const isPage = request.url?.includes('/output') === true;
    response.end(JSON.stringify(isPage ? emptyPage : process));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    rmSync(diaries, { recursive: true });
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const archive = new Archive(() => 0);
  const empty = { events: [], gaps: [], output: {}, hasFailed: false, end: 'clean' } as const;
  archive.add(life, { ...closedOne.served, paged: empty });
  expect(await archive.recheck(url, life)).toEqual([]);
  process = { ...process, state: 'running' };
  const checks = (await archive.recheck(url, life)).map(({ check }) => check);
  expect(new Set(checks)).toEqual(new Set(['later']));
});

const emptyPage = { chunks: [], next_seq: 1, head_seq: 0, closed: true, closed_seq: 0, gap: null };
