import { chmod, mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chooseSpawner } from '../../../src/process/choose-spawner.ts';
import type { Spawner, SpawnRequest } from '../../../src/process/spawner.ts';
import type { StartedChild } from './children.ts';
import { outcomeOf, request, start as startWith, stateOf } from './children.ts';
import { eventually } from '../../support/eventually.ts';

/** What every spawner does, whatever it is made of. */
export function describeSpawner(name: 'posix' | 'execa'): void {
  let spawner: Spawner;
  let folder = '';

  beforeAll(async () => {
    ({ spawner } = await chooseSpawner(name));
    folder = await mkdtemp(path.join(tmpdir(), 'spawn '));
  });

  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  const start = (
    argv: readonly string[],
    changes: Partial<SpawnRequest> = {},
  ): Promise<StartedChild> => startWith(argv, changes, spawner);

  const startScript = (text: string, changes: Partial<SpawnRequest> = {}): Promise<StartedChild> =>
    start(['sh', '-c', text], changes);

  const script = async (file: string, content: string | Buffer, mode = 0o755): Promise<string> => {
    const whole = path.join(folder, file);
    await writeFile(whole, content);
    await chmod(whole, mode);
    return whole;
  };

  describe('a child', () => {
    it('gets its arguments exactly', async () => {
      const args = [
        '',
        ' ',
        'a b',
        '*',
        '$HOME',
        '`id`',
        '"',
        "'",
        '\\',
        '\n',
        '-n',
        'é😀',
        '%s;|&<>',
      ];
      const child = await start(['/usr/bin/printf', '%s\\0', ...args]);
      expect(await outcomeOf(child)).toEqual({
        stdout: args.map((arg) => `${arg}\0`).join(''),
        stderr: '',
        status: { exit_code: 0, signal: null },
      });
    });

    it('gets its environment exactly, and nothing of ours', async () => {
      const overlay = [
        ['A', 'b=c'],
        ['EMPTY', ''],
        ['LINES', 'a\nb'],
        ['__proto__', 'p'],
      ] as const;
      const child = await start(['/usr/bin/env', '-0'], { env: Object.fromEntries(overlay) });
      const { stdout } = await outcomeOf(child);
      const expected = overlay.map(([name, value]) => `${name}=${value}`);
      expect(stdout.split('\0').filter(Boolean).toSorted()).toEqual(expected.toSorted());
    });

    it('is found in its own PATH and runs in its own cwd', async () => {
      await script('where', '#!/bin/sh\npwd -P\n');
      const child = await start(['where'], { env: { PATH: '.:/bin' }, cwd: folder });
      expect(await outcomeOf(child)).toMatchObject({ stdout: `${folder}\n`, stderr: '' });
    });

    it.each([
      [undefined, 'cat'],
      ['-odd name', '-odd name'],
      ['', ''],
    ])('sees arg0 %j as %j', async (arg0, seen) => {
      const child = await start(['cat', '/proc/self/cmdline'], { arg0 });
      expect(await outcomeOf(child)).toMatchObject({ stdout: `${seen}\0/proc/self/cmdline\0` });
    });

    it('leads its own session and group', async () => {
      const child = await start(['cat', '/proc/self/stat']);
      const { stdout } = await outcomeOf(child);
      const [pid, , , , group, session] = stdout.split(' ').map(Number);
      expect({ pid, group, session }).toEqual({
        pid: child.pid,
        group: child.pid,
        session: child.pid,
      });
    });

    it('is at the end of its input from the start when that is not piped', async () => {
      const child = await start(['cat']);
      expect(child.stdin).toBeNull();
      expect(await outcomeOf(child)).toMatchObject({ stdout: '', status: { exit_code: 0 } });
    });

    it('reads what is written to a piped input', async () => {
      const child = await start(['cat'], { pipeStdin: true });
      child.stdin?.stream.end('ab\0\u00ff');
      expect(await outcomeOf(child)).toMatchObject({ stdout: 'ab\0\u00ff' });
    });

    it('keeps its two outputs apart, byte for byte', async () => {
      const child = await startScript(String.raw`printf 'o\377\200\000'; printf 'e\376' >&2`);
      const both = await Promise.all([buffer(child.stdout), buffer(child.stderr)]);
      expect(both).toEqual([Buffer.from([0x6f, 0xff, 0x80, 0]), Buffer.from([0x65, 0xfe])]);
    });

    it.each([
      ['exit 0', { exit_code: 0, signal: null }],
      ['exit 255', { exit_code: 255, signal: null }],
      ['kill -TERM $$', { exit_code: null, signal: 'SIGTERM' }],
      ['kill -KILL $$', { exit_code: null, signal: 'SIGKILL' }],
      ['kill -ABRT $$', { exit_code: null, signal: 'SIGABRT' }],
    ])('that does %s ends so', async (content, status) => {
      const child = await startScript(content);
      expect(await child.exit).toEqual(status);
    });

    it('exits before a descendant lets go of its pipes', async () => {
      const child = await startScript('sleep 60 & exit 3');
      expect(await child.exit).toEqual({ exit_code: 3, signal: null });
      expect(child.stdout.readableEnded).toBe(false);
    });

    it('is no zombie after its exit', async () => {
      const children = await Promise.all([start(['true']), start(['false']), start(['true'])]);
      await Promise.all(children.map(({ exit }) => exit));
      expect(children.map(({ pid }) => stateOf(pid))).toEqual([null, null, null]);
      const stats = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(statLine);
      const ours = stats.filter((stat) => stat.startsWith(`Z ${process.pid} `));
      expect(ours).toEqual([]);
    });

    it('loses nothing when it is read only after its exit', async () => {
      const child = await startScript('seq 1 3000; seq 1 3000 >&2');
      await child.exit;
      await new Promise((resolve) => setTimeout(resolve, 50));
      const expected = Array.from({ length: 3000 }, (_, index) => `${index + 1}\n`).join('');
      const flowing: string[] = [];
      child.stdout.on('data', (chunk: Buffer) => flowing.push(chunk.toString()));
      expect(await text(child.stderr)).toBe(expected);
      await eventually(
        () => flowing.join(''),
        (seen) => seen === expected,
      );
    });

    it('that reads no input breaks no one who writes', async () => {
      const child = await startScript('exec <&-; echo closed; sleep 60', { pipeStdin: true });
      await eventually(
        () => child.stdout.read() as Buffer | null,
        (chunk) => chunk !== null,
      );
      child.stdin?.stream.write('x');
      await eventually(
        () => child.stdin?.stream.destroyed,
        (destroyed) => destroyed === true,
      );
    });
  });

  describe('no child is started', () => {
    it.each([
      [
        'a name that is not in PATH',
        request(['no-such-program']),
        { code: 'command_not_found', members: { errno: 'ENOENT' } },
      ],
      [
        'a path that leads nowhere',
        request(['./no-such-program']),
        { code: 'command_not_found', members: { errno: 'ENOENT' } },
      ],
      [
        'a file that is no program',
        request(['/etc/passwd']),
        { code: 'not_executable', members: { errno: 'EACCES' } },
      ],
      ['a directory', request(['/tmp']), { code: 'not_executable', members: { errno: 'EACCES' } }],
      [
        'no command at all',
        request([]),
        { code: 'command_not_found', members: { errno: 'ENOENT' } },
      ],
      [
        'a long argument',
        request(['true', long(131_072)]),
        { code: 'argument_list_too_long', members: { errno: 'E2BIG' } },
      ],
      [
        'many arguments',
        request(['true', ...many(long(100_000))]),
        { code: 'argument_list_too_long', members: { errno: 'E2BIG' } },
      ],
      [
        'a long name',
        request([long(300)]),
        { code: 'spawn_failed', members: { errno: 'ENAMETOOLONG' } },
      ],
      [
        'a cwd that is not there',
        request(['true'], { cwd: '/no-such-folder' }),
        { code: 'cwd_not_found', members: { errno: 'ENOENT' } },
      ],
      [
        'a cwd that is a file',
        request(['true'], { cwd: '/etc/passwd' }),
        { code: 'cwd_not_directory', members: { errno: 'ENOTDIR' } },
      ],
    ])('for %s', async (_fact, asked, refusal) => {
      await expect(spawner.spawn(asked)).rejects.toMatchObject(refusal);
    });

    it('for an interpreter that is not there', async () => {
      const file = await script('lost', '#!/no/such/interpreter\n');
      await expect(spawner.spawn(request([file]))).rejects.toMatchObject({
        code: 'command_not_found',
        message: `${JSON.stringify(file)} is there, but the interpreter that its first line names is not.`,
      });
    });

    it.each([
      ['an argument', request(['true', 'secret\0'])],
      ['a variable', request(['true'], { env: { PATH: '/bin', A: 'secret\0' } })],
      ['arg0', request(['true'], { arg0: 'secret\0' })],
      ['the cwd', request(['true'], { cwd: '/secret\0' })],
      ['the command', request(['/bin/\0'])],
    ])('for a NUL in %s, which is told without the text around it', async (_fact, asked) => {
      const attempt = spawner.spawn(asked);
      await expect(attempt).rejects.toMatchObject({ code: 'spawn_failed', members: {} });
      await expect(attempt).rejects.toThrow(/hold a NUL/);
      await expect(attempt).rejects.not.toThrow(/secret/);
    });

    it.each([
      { what: 'file descriptors', limit: 'ulimit -n 60', errno: 'EMFILE' },
      { what: 'processes', limit: ':', errno: 'EAGAIN' },
    ])(
      'without $what, and the host is to blame, until there are some again',
      async ({ what, limit, errno }) => {
        const fixture = `spawn-without-${what.replace('file ', '')}.ts`;
        const file = path.resolve(import.meta.dirname, '../../fixtures', fixture);
        const child = await startScript(`${limit}; exec "${process.execPath}" "${file}" ${name}`);
        const { stdout, stderr, status } = await outcomeOf(child);
        expect({ stderr, status }).toEqual({ stderr: '', status: success });
        expect(JSON.parse(stdout)).toEqual({
          code: 'resources_exhausted',
          members: { errno },
          later: success,
        });
      },
    );

    it('and nothing is left open', async () => {
      const before = await openDescriptors();
      const attempts = Array.from({ length: 20 }, async () => {
        const file = await script('lost', '#!/no/such/interpreter\n');
        return spawner.spawn(request([file], { pipeStdin: true }));
      });
      const settled = await Promise.allSettled(attempts);
      expect(settled.filter(({ status }) => status === 'fulfilled')).toEqual([]);
      await eventually(openDescriptors, (count) => count <= before);
    });
  });
}

const success = { exit_code: 0, signal: null };

async function openDescriptors(): Promise<number> {
  const names = await readdir('/proc/self/fd');
  const links = await Promise.all(
    names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')),
  );
  return links.filter((link) => /^(socket|pipe):/.test(link)).length;
}

/** The state and what follows it. */
function statLine(pid: string): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2);
  } catch {
    return '';
  }
}

function long(bytes: number): string {
  return 'x'.repeat(bytes);
}

function many(argument: string): readonly string[] {
  return Array<string>(40).fill(argument);
}
