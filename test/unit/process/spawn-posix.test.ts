import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { chooseSpawner } from '../../../src/process/choose-spawner.ts';
import type { SpawnRequest, Spawner } from '../../../src/process/spawner.ts';
import { signalName } from '../../../src/signals.ts';
import { eventually } from '../../support/eventually.ts';
import type { StartedChild } from './children.ts';
import { outcomeOf, request, start as startWith, stateOf } from './children.ts';
import { describeSpawner } from './spawning.ts';

let spawner: Spawner;
beforeAll(async () => {
  ({ spawner } = await chooseSpawner('posix'));
});

const size = { rows: 24, cols: 80 };

function start(argv: readonly string[], changes: Partial<SpawnRequest> = {}) {
  return startWith(argv, changes, spawner);
}

function sh(script: string, changes: Partial<SpawnRequest> = {}): Promise<StartedChild> {
  return start(['sh', '-c', script], changes);
}

describe('the posix spawner', () => {
  describeSpawner('posix');
});

describe('a child of the posix spawner', () => {
  it.each([
    ['echo out > /dev/stdout', 'out\n', ''],
    ['echo err > /dev/stderr', '', 'err\n'],
    ['echo both | tee /dev/stderr', 'both\n', 'both\n'],
  ])('can open its outputs by name: %s', async (script, stdout, stderr) => {
    const child = await sh(script);
    expect(await outcomeOf(child)).toEqual({
      stdout,
      stderr,
      status: { exit_code: 0, signal: null },
    });
  });

  it('has the descriptors 0, 1 and 2, whatever else is open', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const sockets = await Promise.all(
      Array.from({ length: 25 }, async () => {
        const socket = connect(port, '127.0.0.1');
        await once(socket, 'connect');
        return socket;
      }),
    );
    const files = Array.from({ length: 10 }, () => openSync('/etc/passwd', 'r'));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      for (const fd of files) closeSync(fd);
      server.close();
    });
    await Promise.all([
      ...Array.from({ length: 20 }, () => spawner.spawn(request(['cat'], { terminal: size }))),
      ...Array.from({ length: 10 }, () => start(['cat'], { pipeStdin: true })),
    ]).then((children) => {
      onTestFinished(() => {
        for (const { pid } of children) process.kill(-pid, 'SIGKILL');
      });
    });
    for (const pipeStdin of [false, true]) {
      const child = await start(['ls', '/proc/self/fd'], { pipeStdin });
      // The fourth is the directory that `ls` reads.
      expect(await outcomeOf(child)).toMatchObject({ stdout: '0\n1\n2\n3\n', stderr: '' });
    }
  });

  it('inherits no descriptor that the service was given by accident', async () => {
    const fixture = path.resolve(import.meta.dirname, '../../fixtures/spawn-list-descriptors.ts');
    const child = await sh(`exec 7</etc/passwd; exec "${process.execPath}" "${fixture}"`);
    expect(await outcomeOf(child)).toMatchObject({ stdout: '0 1 2 3\n', stderr: '' });
  });

  it('ignores and blocks no signal', async () => {
    const child = await start(['cat', '/proc/self/status']);
    const none = '0'.repeat(16);
    const { stdout } = await outcomeOf(child);
    expect(stdout.match(/^Sig(Blk|Ign|Cgt):.*$/gm)).toEqual([
      `SigBlk:\t${none}`,
      `SigIgn:\t${none}`,
      `SigCgt:\t${none}`,
    ]);
  });

  it('that is bash with a piped input reads no ~/.bashrc', async () => {
    const home = directory();
    writeFileSync(path.join(home, '.bashrc'), 'echo sourced\n');
    const child = await start(['bash', '-c', 'echo ran'], {
      pipeStdin: true,
      env: { HOME: home, PATH: '/usr/bin:/bin' },
    });
    expect(await outcomeOf(child)).toMatchObject({ stdout: 'ran\n' });
  });

  it('ends with any exit code', async () => {
    const codes = Array.from({ length: 256 }, (_, code) => code);
    const ends: unknown[] = [];
    for (const code of codes) ends.push(await (await sh(`exit ${code}`)).exit);
    expect(ends).toEqual(codes.map((exit_code) => ({ exit_code, signal: null })));
  });

  it('ends by any signal that ends a process', async () => {
    const stopping = ['SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU'];
    const ignored = ['SIGCHLD', 'SIGCONT', 'SIGURG', 'SIGWINCH'];
    const numbers = Array.from({ length: 64 }, (_, index) => index + 1).filter(
      (number) => ![...stopping, ...ignored].includes(signalName(number) ?? ''),
    );
    const ends = [];
    for (const number of numbers) {
      const child = await start(['sleep', '60']);
      process.kill(child.pid, number);
      ends.push(await child.exit);
    }
    expect(ends).toEqual(
      numbers.map((number) => ({ exit_code: null, signal: signalName(number) })),
    );
    expect(ends.length).toBe(56);
  });

  it('that is killed leaves all that it had written', async () => {
    const child = await sh('head -c 60000 /dev/zero; kill -KILL $$');
    const { stdout, status } = await outcomeOf(child);
    expect({ bytes: stdout.length, status }).toEqual({
      bytes: 60_000,
      status: { exit_code: null, signal: 'SIGKILL' },
    });
  });

  it('whose input nobody can read any more has no reader', async () => {
    const child = await sh('exec <&-; echo closed; exec sleep 60', { pipeStdin: true });
    await once(child.stdout, 'data');
    expect(child.stdin?.hasReader()).toBe(false);
    const other = await start(['sleep', '60'], { pipeStdin: true });
    expect(other.stdin?.hasReader()).toBe(true);
  });

  it('that shares its parent with a child of Node is reaped as well', async () => {
    const children = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        index % 2 === 0 ? start(['true']) : startWith(['true']),
      ),
    );
    await Promise.all(children.map(({ exit }) => exit));
    await eventually(
      () => children.map(({ pid }) => stateOf(pid)),
      (states) => states.every((state) => state === null),
    );
  });
});

describe('as the first process of a container', () => {
  it('the posix spawner reaps its own children and all orphans', async () => {
    const fixture = path.resolve(import.meta.dirname, '../../fixtures/reap-as-init.ts');
    const namespace = ['unshare', '--map-root-user', '--pid', '--fork', '--mount-proc'];
    const child = await start([...namespace, process.execPath, fixture]);
    const { stdout, stderr } = await outcomeOf(child);
    expect({ told: stdout, stderr }).toEqual({
      told: JSON.stringify({ pid: 1, exit_code: 7, zombies: 0 }),
      stderr: '',
    });
  });
});

describe('a file that is no program', () => {
  it('is a script of sh when it is a text', async () => {
    const file = path.join(directory(), 'script');
    writeFileSync(file, 'echo "$0 $1"\n', { mode: 0o755 });
    const child = await start([file, 'argument']);
    expect(await outcomeOf(child)).toMatchObject({ stdout: `${file} argument\n`, stderr: '' });
  });

  it('is refused when it is one of another architecture', async () => {
    const file = path.join(directory(), 'foreign');
    const elf = readFileSync('/bin/true');
    elf.writeUInt16LE(0x2a, 18);
    writeFileSync(file, elf, { mode: 0o755 });
    await expect(spawner.spawn(request([file]))).rejects.toMatchObject({
      code: 'not_executable',
      members: { errno: 'ENOEXEC' },
    });
  });

  it('is refused when it is being written', async () => {
    const file = path.join(directory(), 'busy');
    writeFileSync(file, readFileSync('/bin/true'), { mode: 0o755 });
    const fd = openSync(file, 'r+');
    await expect(spawner.spawn(request([file]))).rejects.toMatchObject({
      code: 'spawn_failed',
      members: { errno: 'ETXTBSY' },
    });
    closeSync(fd);
    const child = await start([file]);
    expect(await child.exit).toEqual({ exit_code: 0, signal: null });
  });
});

function directory(): string {
  const name = mkdtempSync(path.join(tmpdir(), 'procession-posix-'));
  onTestFinished(() => {
    rmSync(name, { recursive: true });
  });
  return name;
}
