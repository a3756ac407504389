import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { ask, post } from './api.ts';
import { Campaign } from './campaign.ts';
import { bodyOf, graceMs } from './cast.ts';
import { KillableService } from './killable-service.ts';
import { findMarked, killMarked } from './proc.ts';
import { tracesOf } from './survey.ts';

const kills = 20;

test(
  'whatever was told before a kill is true after the next start, 20 times in a row',
  { timeout: 180_000 },
  async ({ annotate }) => {
    const campaign = new Campaign(20_260_101);
    onTestFinished(() => campaign.close());
    const { figures } = campaign;
    while (figures.kills < kills) await campaign.round();
    const { violations, ...counts } = figures;
    await annotate(JSON.stringify(counts));
    expect(violations.slice(0, 10)).toEqual([]);
    // What was looked at is enough to mean something.
    expect(counts.killsAtStart).toBeGreaterThanOrEqual(2);
    expect(counts.processes).toBeGreaterThan(100);
    expect(counts.failed).toBeGreaterThan(20);
    expect(counts.processes - counts.failed).toBeGreaterThan(20);
    expect(counts.given).toBeGreaterThan(150);
    expect(counts.evicted).toBeGreaterThan(0);
    expect(counts.rechecks).toBeGreaterThan(50);
    expect(counts.orphans).toBeGreaterThan(20);
  },
);

test('with PROCESSION_ORPHANS=leave a child goes on, and its process has failed', async () => {
  const diaries = mkdtempSync(path.join(tmpdir(), 'procession-crash-'));
  const life = { campaign: path.basename(diaries), number: 1, diaries };
  const settings = { DATA_DIR: path.join(diaries, 'data'), ORPHANS: 'leave' };
  let service = new KillableService(settings, diaries);
  onTestFinished(async () => {
    service.kill();
    await service.gone();
    for (const marked of findMarked(life.campaign)) killMarked(marked);
    rmSync(diaries, { recursive: true, force: true });
  });
  const body = bodyOf(life, 'left', { mode: 'tick' });
  const ticks = (): number =>
    tracesOf(life, 'left').diary['stdout']?.toString().split('\n').length ?? 0;
  expect(await post(`${await service.url()}/processes`, body)).toMatchObject({ status: 201 });
  await eventually(ticks, (count) => count > 3);
  service.kill();
  await service.gone();
  service = new KillableService(settings, diaries);
  const url = await service.url();
  const restartedAt = ticks();
  expect(await ask(`${url}/processes/p-left`)).toMatchObject({
    status: 200,
    body: { state: 'failed', failure_reason: 'server_restarted' },
  });
  // Twenty in a second: longer than the children of a dead service have by the other policy.
  await eventually(ticks, (count) => count > restartedAt + 20 * (1 + graceMs / 1000) + 5);
  expect(findMarked(life.campaign)).not.toEqual([]);
});
