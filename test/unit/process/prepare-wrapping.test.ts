import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkInterpreter } from '../../../src/process/wrapping/check-interpreter.ts';
import { chooseSpawner } from '../../../src/process/choose-spawner.ts';
import { prepareWrapping } from '../../../src/process/wrapping/prepare-wrapping.ts';
import type { Wrapping } from '../../../src/process/wrapping/wrap.ts';

async function prepare(
  runner: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Wrapping> {
  const { spawner } = await chooseSpawner('posix');
  return prepareWrapping(spawner, { runner, claims: [], cwd: '/', environment });
}

describe('a wrapping', () => {
  it('finds the same tools and powers alone and behind a runner that does nothing', async () => {
    const { runner, ...alone } = await prepare([]);
    expect(runner).toEqual([]);
    expect(alone.tools.get('sh')).toMatch(/^(\/usr)?\/bin\/sh$/);
    expect(alone.powers.uid).toBe(process.getuid?.());
    expect(await prepare(['/usr/bin/env'])).toEqual({ runner: ['/usr/bin/env'], ...alone });
  });

  it.each([
    [{}, {}],
    [{ PATH: '/p', LD_PRELOAD: '/x' }, { PATH: '/p' }],
    [
      { HOME: '', PATH: '/p' },
      { HOME: '', PATH: '/p' },
    ],
  ])('of a service with %j gives wrappers %j', async (environment, own) => {
    expect((await prepare([], environment)).ownVariables).toEqual(own);
  });

  it('is refused behind a runner that has no env', async () => {
    const runner = ['/bin/sh', '-c', 'exec "$1" "$2" "$3" "$4" "$5"', 'sh'];
    await expect(prepare(runner)).rejects.toThrow(
      /^PROCESSION_RUNNER cannot be used: behind it is neither \/usr\/bin\/env nor \/bin\/env$/,
    );
  });
});

describe('an interpreter', () => {
  let dir: string;

  beforeAll(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'interpreter-'));
  });

  afterAll(() => {
    rmSync(dir, { recursive: true });
  });

  const check = (head: string, mode = 0o700): void => {
    const file = path.join(dir, 'script');
    writeFileSync(file, head);
    chmodSync(file, mode);
    checkInterpreter(file, dir);
    rmSync(file, { force: true });
  };

  it.each([
    '#!/bin/sh',
    '#! \t/bin/sh -x\n/no/such',
    '#!script\n',
    '#!\n/no/such',
    '#! ',
    '#',
    '',
    ' #!/no/such',
    '\u007fELF#!/no/such',
  ])('of %j is there, or is none', (head) => {
    expect(() => {
      check(head);
    }).not.toThrow();
  });

  it.each(['#!/no/such', '#!\t /no/such -x\n', '#!no/such\n', '#!/no/süch\0/bin/sh'])(
    'of %j is not there',
    (head) => {
      expect(() => {
        check(head);
      }).toThrow(/^there is no \/?no\/s.ch$/);
    },
  );

  it('of a file that is not there is not asked for', () => {
    expect(() => {
      checkInterpreter(path.join(dir, 'none'), dir);
    }).not.toThrow();
  });
});
