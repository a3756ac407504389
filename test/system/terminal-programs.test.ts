import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Client } from '../routes/client.ts';
import { eventually } from '../support/eventually.ts';
import type { TestService } from '../support/service.ts';
import { openService } from '../support/service.ts';

let service: TestService;
let client: Client;

beforeAll(async () => {
  service = await openService();
  client = new Client(service);
});

afterAll(() => service.stop());

/** A program on a terminal of 24 rows and 80 columns, driven over HTTP alone. */
class Session {
  readonly #path: string;
  readonly #process_id: string;
  readonly #following: Promise<void>;
  #screen = '';
  #seen = 0;

  private constructor(process_id: string) {
    this.#process_id = process_id;
    this.#path = `/processes/${process_id}`;
    this.#following = this.#follow();
  }

  static async start(argv: readonly string[], env: object = {}): Promise<Session> {
    const own = { TERM: 'xterm', HOME: temporaryDirectory(), ...env };
    const { process_id } = await client.start({ argv, tty: true, env: own });
    const session = new Session(process_id);
    onTestFinished(async () => {
      await client.delete(`/processes/${process_id}?force=true`);
    });
    return session;
  }

  /** Waits for a text after the one that was waited for last. */
  async shows(text: string): Promise<void> {
    const rest = await eventually(
      () => this.#screen.slice(this.#seen),
      (screen) => screen.includes(text),
    );
    this.#seen += rest.indexOf(text) + text.length;
  }

  async type(text: string): Promise<void> {
    const { status } = await client.post(`${this.#path}/stdin`, { text });
    expect(status).toBe(200);
  }

  async typeBytes(bytes: string): Promise<void> {
    const { status } = await client.upload(`${this.#path}/stdin`, bytes);
    expect(status).toBe(200);
  }

  async resize(rows: number, cols: number): Promise<void> {
    const { status } = await client.post(`${this.#path}/resize`, { rows, cols });
    expect(status).toBe(200);
  }

  /** Waits until a program has the keyboard: before that a shell would swallow ^Z and ^C. */
  async foreground(name: string): Promise<void> {
    const { pid } = await client.process(this.#process_id);
    await eventually(
      () => foregroundOf(pid),
      (found) => found === name,
    );
  }

  /** How it ended, once all its output is there. */
  async end(): Promise<object> {
    await this.#following;
    const { exit_code, signal } = await client.closed(this.#process_id);
    return { exit_code, signal };
  }

  async #follow(): Promise<void> {
    const { body } = await client.open(`${this.#path}/output?format=raw&follow=true`);
    for await (const chunk of body ?? []) this.#screen += Buffer.from(chunk).toString('latin1');
  }
}

function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'procession-terminal-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  return directory;
}

/** The name of the program that leads the foreground group of a process's terminal. */
function foregroundOf(pid: number): string {
  const [, , , , , group = ''] = statOf(pid).split(' ');
  try {
    return readFileSync(`/proc/${group}/comm`, 'utf8').trim();
  } catch {
    return 'nothing';
  }
}

/** From the state on: the name before it may hold anything. */
function statOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2);
}

/** A file of lines `entry 001` to `entry 500`. */
function entries(): string {
  const file = path.join(temporaryDirectory(), 'entries.txt');
  const lines = Array.from({ length: 500 }, (_, index) => `${entry(index + 1)}\n`);
  writeFileSync(file, lines.join(''));
  return file;
}

function entry(number: number): string {
  return `entry ${String(number).padStart(3, '0')}`;
}

const alternateScreen = '\u001b[?1049h';
const normalScreen = '\u001b[?1049l';
const escape = '\u001b';
const prompt = 'ready> ';
const success = { exit_code: 0, signal: null };

describe('vi', () => {
  const vi = (file: string): Promise<Session> =>
    Session.start(['vi', '-u', 'NONE', '-i', 'NONE', '-n', file]);

  it('writes the line that was typed', async () => {
    const file = path.join(temporaryDirectory(), 'text.txt');
    writeFileSync(file, 'first\nlast\n');
    const session = await vi(file);
    await session.shows(alternateScreen);
    await session.shows('last');
    await session.typeBytes('otyped between');
    await session.shows('typed between');
    await session.typeBytes(`${escape}:wq\r`);
    await session.shows(normalScreen);
    expect(await session.end()).toEqual(success);
    expect(readFileSync(file, 'utf8')).toBe('first\ntyped between\nlast\n');
  });

  it('shows more when its terminal grows', async () => {
    const session = await vi(entries());
    await session.shows(entry(23));
    await session.resize(40, 100);
    await session.shows(entry(39));
    await session.type(':set lines? columns?\r');
    await session.shows('lines=40');
    await session.shows('columns=100');
    await session.type('\r:q!\r');
    expect(await session.end()).toEqual(success);
  });
});

describe('less', () => {
  it('pages, finds and quits, on the alternate screen', async () => {
    const session = await Session.start(['less', entries()]);
    await session.shows(alternateScreen);
    await session.shows(entry(23));
    await session.type(' ');
    await session.shows(entry(46));
    await session.type('/y 300\r');
    await session.shows(entry(322));
    await session.type('q');
    await session.shows(normalScreen);
    expect(await session.end()).toEqual(success);
  });
});

describe('top', () => {
  it('shows who runs until it is told to quit', async () => {
    const session = await Session.start(['top']);
    await session.shows('load average');
    await session.shows('COMMAND');
    await session.type('q');
    expect(await session.end()).toEqual(success);
  });
});

describe('an interactive bash', () => {
  const bash = async (): Promise<Session> => {
    const session = await Session.start(['bash', '--norc', '--noprofile'], { PS1: prompt });
    await session.shows(prompt);
    return session;
  };

  it('stops, lists, continues and interrupts its jobs', async () => {
    const session = await bash();
    await session.type('sleep 60\r');
    await session.foreground('sleep');
    await session.type('\u001a');
    await session.shows('Stopped');
    await session.shows(prompt);
    await session.type('jobs\r');
    await session.shows('[1]+  Stopped                 sleep 60');
    await session.shows(prompt);
    await session.type('bg\r');
    await session.shows('[1]+ sleep 60 &');
    await session.shows(prompt);
    await session.type('jobs\r');
    await session.shows('[1]+  Running                 sleep 60 &');
    await session.shows(prompt);
    await session.type('fg\r');
    await session.foreground('sleep');
    await session.type('\u0003');
    await session.shows('^C');
    await session.shows(prompt);
    await session.type('echo "code $?"\r');
    await session.shows('code 130');
    await session.shows(prompt);
    await session.type('exit 3\r');
    expect(await session.end()).toEqual({ exit_code: 3, signal: null });
  });

  it('notices a resize', async () => {
    const session = await bash();
    await session.resize(33, 111);
    await session.type('stty size\r');
    await session.shows('33 111\r\n');
    await session.type('exit\r');
    expect(await session.end()).toEqual(success);
  });

  it('ends with ^D', async () => {
    const session = await bash();
    await session.type('\u0004');
    await session.shows('exit');
    expect(await session.end()).toEqual(success);
  });
});
