import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { chooseSpawner } from '../../../src/process/choose-spawner.ts';
import type { Child, SpawnRequest, Spawner, WaitStatus } from '../../../src/process/spawner.ts';
import { eventually } from '../../support/eventually.ts';
import { killQuietly, outputOf, request } from './children.ts';

let spawner: Spawner;
beforeAll(async () => {
  ({ spawner } = await chooseSpawner('posix'));
});

/** A child on a terminal, and what it has written so far. */
interface Session {
  readonly child: Child;
  readonly screen: () => string;
  readonly type: (text: string) => void;
  readonly end: Promise<{ text: string; status: WaitStatus }>;
}

async function open(
  argv: readonly string[],
  changes: Partial<SpawnRequest> = {},
): Promise<Session> {
  const terminal = { rows: 24, cols: 80 };
  const child = await spawner.spawn(request(argv, { terminal, ...changes }));
  onTestFinished(() => {
    killQuietly(-child.pid);
  });
  const chunks: Buffer[] = [];
  const screen = (): string => Buffer.concat(chunks).toString('latin1');
  const output = outputOf(child, 'pty');
  output.on('data', (chunk: Buffer) => chunks.push(chunk));
  const end = Promise.all([closed(output), child.exit]).then(([, status]) => ({
    text: screen(),
    status,
  }));
  const type = (text: string): void => {
    child.stdin?.stream.write(text);
  };
  return { child, screen, type, end };
}

function sh(script: string): Promise<Session> {
  return open(['sh', '-c', script]);
}

function closed(stream: Readable): Promise<void> {
  return new Promise((resolve) => stream.once('close', resolve));
}

function shows(session: Session, text: string): Promise<string> {
  return eventually(session.screen, (screen) => screen.includes(text));
}

const success = { exit_code: 0, signal: null };

describe('a terminal', () => {
  it('is one, has its size, and is the only output', async () => {
    const session = await open(['sh', '-c', 'test -t 0 -a -t 1 -a -t 2; echo $?; stty size; tty'], {
      terminal: { rows: 7, cols: 65_535 },
    });
    expect([...session.child.outputs.keys()]).toEqual(['pty']);
    const { text, status } = await session.end;
    expect({ text, status }).toEqual({
      text: expect.stringMatching(/^0\r\n7 65535\r\n\/dev\/pts\/\d+\r\n$/) as string,
      status: success,
    });
  });

  it('is the controlling terminal of a session of its own', async () => {
    const { end, child } = await sh('cat /proc/$$/stat; echo seen > /dev/tty');
    const { text } = await end;
    const [pid, , , , group, session, , foreground] = text.split(' ').map(Number);
    expect({ pid, group, session, foreground }).toEqual({
      pid: child.pid,
      group: child.pid,
      session: child.pid,
      foreground: child.pid,
    });
    expect(text).toContain('seen\r\n');
  });

  it('gives every byte of a long output, 50 times of 50', { timeout: 120_000 }, async () => {
    const lines = Array.from({ length: 200_000 }, (_, index) => `${index + 1}\r\n`).join('');
    const hash = createHash('sha256').update(lines).digest('hex');
    const hashes: string[] = [];
    for (let run = 0; run < 50; run += 1) {
      const child = await spawner.spawn(
        request(['seq', '200000'], { terminal: { rows: 24, cols: 80 } }),
      );
      const seen = createHash('sha256');
      const output = outputOf(child, 'pty').on('data', (chunk: Buffer) => seen.update(chunk));
      await Promise.all([closed(output), child.exit]);
      hashes.push(seen.digest('hex'));
    }
    expect(hashes).toEqual(Array<string>(50).fill(hash));
  });

  it('gives what was written just before the exit, 200 times of 200', async () => {
    const ends: unknown[] = [];
    for (let round = 0; round < 25; round += 1) {
      const sessions = await Promise.all(
        Array.from({ length: 8 }, () => sh('head -c 20480 /dev/zero | tr "\\0" a; exit 5')),
      );
      ends.push(...(await Promise.all(sessions.map(({ end }) => end))));
    }
    const expected = { text: 'a'.repeat(20_480), status: { exit_code: 5, signal: null } };
    expect(ends).toEqual(Array<unknown>(200).fill(expected));
  });

  it('loses nothing when it is read only after the exit', async () => {
    const child = await spawner.spawn(
      request(['seq', '300'], { terminal: { rows: 24, cols: 80 } }),
    );
    await child.exit;
    const lines = Array.from({ length: 300 }, (_, index) => `${index + 1}\r\n`);
    let text = '';
    const output = outputOf(child, 'pty').on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await closed(output);
    expect(text).toBe(lines.join(''));
  });

  it('tells the exit code of a child that has closed it early', async () => {
    const { end } = await sh('exec 0<&- 1>&- 2>&-; exit 3');
    expect(await end).toEqual({ text: '', status: { exit_code: 3, signal: null } });
  });

  it('stays open for a child that opens it again', async () => {
    const { end } = await sh('exec 0<&- 1>&- 2>&-; sleep 0.05; echo again > /dev/tty');
    expect((await end).text).toBe('again\r\n');
  });

  it('leaves no descriptor behind', async () => {
    const count = (): number => readdirSync('/proc/self/fd').length;
    await (
      await sh('true')
    ).end;
    const before = count();
    for (let run = 0; run < 20; run += 1) await (await sh('true')).end;
    await eventually(count, (now) => now <= before);
  });

  it('whose program is not there is closed again', async () => {
    const attempt = spawner.spawn(request(['no-such'], { terminal: { rows: 1, cols: 1 } }));
    await expect(attempt).rejects.toMatchObject({ code: 'command_not_found' });
  });
});

describe('the keyboard of a terminal', () => {
  it('echoes and gives whole lines', async () => {
    const session = await sh('read line; echo "got $line"');
    session.type('abc\u007fd\r');
    const { text, status } = await session.end;
    expect(status).toEqual(success);
    expect(text).toContain('got abd\r\n');
  });

  it('interrupts with ^C', async () => {
    const session = await open(['sleep', '60']);
    session.type('\u0003');
    expect(await session.end).toEqual({
      text: '^C',
      status: { exit_code: null, signal: 'SIGINT' },
    });
  });

  it('ends an input with ^D', async () => {
    const session = await open(['cat']);
    session.type('line\r');
    await shows(session, 'line\r\nline\r\n');
    session.type('\u0004');
    expect(await session.end).toMatchObject({ status: success });
  });

  it('has the end-of-file character that is set', async () => {
    const session = await sh('stty eof ^B; echo ready; cat; echo over');
    await shows(session, 'ready');
    const endOfFile = session.child.stdin?.endOfFile();
    expect(endOfFile).toEqual(Buffer.of(2));
    session.child.stdin?.stream.write(endOfFile);
    expect((await session.end).text).toContain('over\r\n');
  });

  it('takes no more than is read, and goes on when it is', async () => {
    const session = await sh('stty raw -echo; echo ready; sleep 0.3; head -c 100000 | wc -c');
    await shows(session, 'ready');
    session.type('x'.repeat(100_000));
    expect((await session.end).text).toContain('100000');
  });

  it('that nobody reads holds up nobody', async () => {
    const session = await sh('stty raw -echo; echo ready; exec sleep 60');
    await shows(session, 'ready');
    let isAccepted = false;
    session.child.stdin?.stream.write('x'.repeat(200_000), () => {
      isAccepted = true;
    });
    await (
      await sh('true')
    ).end;
    expect(isAccepted).toBe(false);
    process.kill(session.child.pid, 'SIGKILL');
    expect((await session.end).status).toEqual({ exit_code: null, signal: 'SIGKILL' });
  });

  it('ends with its screen when the child has exited', async () => {
    const session = await open(['true']);
    await session.end;
    expect(session.child.stdin?.hasReader()).toBe(false);
  });
});

describe('a resize', () => {
  it('is seen by the child, which gets SIGWINCH', async () => {
    const session = await sh(
      'trap "stty size; exit" WINCH; echo ready; while :; do sleep 0.01; done',
    );
    await shows(session, 'ready');
    expect(session.child.terminal?.resize({ rows: 50, cols: 132 })).toBe(true);
    expect((await session.end).text).toContain('50 132\r\n');
  });

  it('after the end touches no other terminal', async () => {
    const session = await open(['true']);
    await session.end;
    const other = await sh('echo ready; read go; stty size');
    await shows(other, 'ready');
    expect(session.child.terminal?.resize({ rows: 1, cols: 2 })).toBe(false);
    other.type('\r');
    expect((await other.end).text).toContain('24 80\r\n');
  });
});
