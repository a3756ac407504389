import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ServiceProgram, temporaryDirectory } from '../routes/subprocess.ts';

const service = [process.execPath, path.resolve('src/main.ts')];
const unshare = process.getuid?.() === 0 ? ['-m'] : ['-rm'];

/** Runs a service until it has refused to start, perhaps behind a script that it is given to. */
async function refusal(dir: string, script = 'exec "$@"'): Promise<string> {
  const command = ['unshare', ...unshare, 'sh', '-c', script, dir, ...service] as const;
  const program = new ServiceProgram([...command], { DATA_DIR: dir });
  const { code, stdout, stderr } = await program.ended;
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^[^\n]+\n$/);
  return stderr;
}

test.each(['new', 'used'])('a read-only disk, %s, is refused with the setting', async (state) => {
  const dir = temporaryDirectory();
  const use = state === 'used' ? 'mkdir "$0/logs" && touch "$0/metadata.sqlite" && ' : '';
  const script = `mount -t tmpfs tmpfs "$0" && ${use}mount -o remount,ro "$0" && exec "$@"`;
  expect(await refusal(dir, script)).toMatch(
    /^PROCESSION_DATA_DIR must be a directory to write to: EROFS: /,
  );
});

test('a file in place of the directory is refused with the setting', async () => {
  const file = path.join(temporaryDirectory(), 'file');
  writeFileSync(file, '');
  expect(await refusal(file)).toMatch(
    /^PROCESSION_DATA_DIR must be a directory to write to: ENOTDIR: /,
  );
});

test('a file in place of the logs, or of the metadata a directory, is refused by its name', async () => {
  const [one, other] = [temporaryDirectory(), temporaryDirectory()];
  writeFileSync(path.join(one, 'logs'), '');
  mkdirSync(path.join(other, 'metadata.sqlite'));
  expect(await refusal(one)).toContain(path.join(one, 'logs'));
  expect(await refusal(other)).toContain(path.join(other, 'metadata.sqlite'));
});
