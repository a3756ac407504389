import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkCwd } from '../../../src/process/check-cwd.ts';
import { resolveCommand } from '../../../src/process/resolve-command.ts';
import { outcomeOf, request, start } from './children.ts';

let root = '';

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'resolve command '));
  await Promise.all(
    ['bin', 'more', 'more/folder', 'bare'].map((name) =>
      mkdir(path.join(root, name), { recursive: true }),
    ),
  );
  await file('bin/tool', 0o755);
  await file('more/tool', 0o755);
  await file('bare/plain', 0o644);
  await file('more/plain', 0o755);
  await file('here', 0o755);
  await file('not-executable', 0o644);
  await mkdir(path.join(root, 'locked'), { mode: 0o600 });
  await symlink('nowhere', path.join(root, 'bin/dangling'));
});

afterAll(async () => {
  await rm(root, { recursive: true });
});

async function file(name: string, mode: number): Promise<void> {
  await writeFile(path.join(root, name), '#!/bin/sh\n');
  await chmod(path.join(root, name), mode);
}

function resolve(command: string, env: Record<string, string>): Promise<string> {
  return resolveCommand(request([command], { cwd: root, env }));
}

describe('a command is', () => {
  it('the first of that name in the PATH of the child', async () => {
    const PATH = `${root}/nowhere:${root}/more:${root}/bin`;
    expect(await resolve('tool', { PATH })).toBe(`${root}/more/tool`);
  });

  it('passed over where it is not executable or a directory', async () => {
    const PATH = `${root}/bare:${root}:${root}/more`;
    expect(await resolve('plain', { PATH })).toBe(`${root}/more/plain`);
    expect(await resolve('here', { PATH: `${root}/bin:${root}` })).toBe(`${root}/here`);
  });

  it('looked for in the system directories when the child has no PATH', async () => {
    expect(await resolve('sh', {})).toMatch(/^\/(usr\/)?bin\/sh$/);
  });

  it('looked for in the cwd of the child for an empty or relative entry', async () => {
    expect(await resolve('here', { PATH: `${root}/bin::/bin` })).toBe('./here');
    expect(await resolve('tool', { PATH: 'more' })).toBe('more/tool');
  });

  it.each(['./bin/tool', 'bin/tool', 'more/../here'])(
    'a path from the cwd of the child when it has a slash: %s',
    async (command) => {
      expect(await resolve(command, { PATH: '' })).toBe(command);
    },
  );

  it.each([
    ['nope', 'command_not_found', 'ENOENT'],
    ['', 'command_not_found', 'ENOENT'],
    ['./nope', 'command_not_found', 'ENOENT'],
    ['./here/under', 'command_not_found', 'ENOENT'],
    ['dangling', 'command_not_found', 'ENOENT'],
    ['./not-executable', 'not_executable', 'EACCES'],
    ['plain', 'not_executable', 'EACCES'],
    ['folder', 'not_executable', 'EACCES'],
    ['./more', 'not_executable', 'EACCES'],
    ['/', 'not_executable', 'EACCES'],
  ])('refused: %j is %s', async (command, code, errno) => {
    const PATH = `${root}/bin:${root}/bare`.concat(command === 'folder' ? `:${root}/more` : '');
    await expect(resolve(command, { PATH })).rejects.toMatchObject({ code, members: { errno } });
  });

  it('refused with the error of the system when that is neither', async () => {
    const tooLong = 'x'.repeat(300);
    await expect(resolve(tooLong, { PATH: root })).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
  });
});

describe('a cwd', () => {
  it('is a directory', () => {
    expect(() => {
      checkCwd(root);
    }).not.toThrow();
  });

  it.each([
    ['nowhere', 'cwd_not_found', 'ENOENT'],
    ['x'.repeat(300), 'cwd_not_found', 'ENAMETOOLONG'],
    ['here', 'cwd_not_directory', 'ENOTDIR'],
    ['here/under', 'cwd_not_directory', 'ENOTDIR'],
  ])('%.20s is refused as %s', (name, code, errno) => {
    expect(() => {
      checkCwd(path.join(root, name));
    }).toThrow(expect.objectContaining({ code, members: { errno } }));
  });

  it('that the service may not enter is refused as cwd_forbidden', async () => {
    const fixture = path.resolve(import.meta.dirname, '../../fixtures/enter-forbidden-cwd.ts');
    const child = await start([process.execPath, fixture, path.join(root, 'locked')]);
    const { stdout } = await outcomeOf(child);
    expect(JSON.parse(stdout)).toEqual({ code: 'cwd_forbidden', members: { errno: 'EACCES' } });
  });
});
