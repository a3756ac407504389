import { beforeAll, describe, expect, it } from 'vitest';
import { chooseSpawner } from '../../../src/process/choose-spawner.ts';
import type { Spawner } from '../../../src/process/spawner.ts';
import { outcomeOf, request, startScript } from './children.ts';
import { describeSpawner } from './spawning.ts';

describe('the execa spawner', () => {
  describeSpawner('execa');

  describe('cannot', () => {
    let spawner: Spawner;
    beforeAll(async () => {
      ({ spawner } = await chooseSpawner('execa'));
    });

    it('start a terminal, and says so', async () => {
      const asked = request(['true'], { terminal: { rows: 24, cols: 80 } });
      await expect(spawner.spawn(asked)).rejects.toMatchObject({
        code: 'unsupported',
        message: 'tty needs the spawner posix, and this service runs with execa',
      });
    });

    it('tell a death by a real-time signal from exit code 0', async () => {
      const child = await startScript('kill -40 $$', {}, spawner);
      expect(await child.exit).toEqual({ exit_code: 0, signal: null });
    });

    it('let a child open /dev/stdout', async () => {
      const child = await startScript('echo hi > /dev/stdout', {}, spawner);
      const { stdout, stderr } = await outcomeOf(child);
      expect(stdout).toBe('');
      expect(stderr).toContain('/dev/stdout');
    });
  });
});
