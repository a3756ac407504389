import { expect, it } from 'vitest';
import { verdict } from '../../bench/soak/report.ts';
import { soak } from '../../bench/soak/soak.ts';
import { startProgram, temporaryDirectory } from '../routes/subprocess.ts';

it(
  'after some seconds of all that clients do the service holds what it held before',
  { timeout: 120_000 },
  async () => {
    const dataDir = temporaryDirectory();
    const program = startProgram({ DATA_DIR: dataDir, HEARTBEAT_MS: 200 });
    const watched = { url: await program.url(), pid: program.pid, dataDir };
    const options = { durationMs: 3000, intervalMs: 500, visitors: 4 };
    const soaked = await soak(watched, options);
    expect(soaked.failures).toEqual([]);
    expect(soaked.done).toBeGreaterThan(options.visitors);
    expect(verdict(soaked, false).filter(({ holds }) => holds === false)).toEqual([]);
  },
);
