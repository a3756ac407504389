import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cutFirst, openProxy } from '../support/cutting-proxy.ts';
import type { TestService } from '../support/service.ts';
import { openService, startService } from '../support/service.ts';
import { blocksOf, textOf } from './markdown.ts';

const defaultUrl = 'http://127.0.0.1:8080';
const blocks = blocksOf(textOf('README.md'));

/** Each recipe with the output that the README shows after it. */
const recipes = blocks.flatMap(({ info, heading, text: script }, index) => {
  if (info !== 'sh recipe') return [];
  const next = blocks[index + 1];
  const output = next?.info === 'text output' ? next.text : undefined;
  return [{ heading, script, output }];
});

describe('the recipes of the README', () => {
  let service: TestService;
  let cwd: string;

  beforeAll(async () => {
    service = await openService();
    cwd = mkdtempSync(path.join(tmpdir(), 'procession-recipes-'));
  });

  afterAll(async () => {
    await service.stop();
    rmSync(cwd, { recursive: true, force: true });
  });

  it('are there, each with its output', () => {
    expect(recipes.length).toBeGreaterThan(10);
    expect(recipes.filter(({ output }) => output === undefined)).toEqual([]);
  });

  it.each(recipes)('$heading: prints what it says', async ({ script, output }) => {
    const { code, stdout, stderr } = await run(script, service.url, cwd);
    const shown = { code: 0, stderr: '', stdout: output?.trimEnd() };
    expect({ code, stderr, stdout: stdout.trimEnd() }).toEqual(shown);
  });
});

describe('the script of the README that resumes by hand', () => {
  const { script: resumeScript = '' } =
    recipes.find(({ script }) => script.includes('while IFS= read -r line')) ?? {};

  // Inside the head, inside the first frame, and between the fields of a later one.
  it.each([
    [40, 'fin'],
    [40, 'rst'],
    [400, 'fin'],
    [900, 'fin'],
    [900, 'rst'],
  ] as const)('prints each event once when it is cut after %i bytes by %s', async (bytes, by) => {
    const { url } = await startService({ REPLAY_EVENTS_MAX: 4 });
    const argv = ['sh', '-c', 'for i in $(seq 20); do echo line $i; sleep 0.05; done'];
    await post(`${url}/processes`, { process_id: 'build-1', argv });
    const proxy = await openProxy(url, cutFirst(3, bytes, by));
    const { code, stdout } = await run(resumeScript, proxy.url, tmpdir());
    const events = stdout.trimEnd().split('\n').map(eventOf);
    expect({ code, cuts: proxy.cuts }).toEqual({ code: 0, cuts: 3 });
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, index) => index + 1));
    expect(events.map(({ chunk = '' }) => chunk).join('')).toBe(
      Array.from({ length: 20 }, (_line, index) => `line ${index + 1}\n`).join(''),
    );
    expect(events.at(-1)?.type).toBe('closed');
  });

  it('gives up on a process that does not exist', async () => {
    const { url } = await startService();
    const { stdout, stderr } = await run(resumeScript, url, tmpdir());
    expect({ stdout, stderr }).toEqual({
      stdout: '',
      stderr: 'curl: (22) The requested URL returned error: 404\n',
    });
  });
});

describe('the line that the service prints at its start', () => {
  it('is the one in the README, which is a recipe there', () => {
    const line = blocks.map(({ text: shown }) => /^Try: (.*)$/m.exec(shown)?.[1]).find(Boolean);
    const source = textOf('src/main.ts');
    expect(line).toContain(/const headers = "(.*)"/.exec(source)?.[1]);
    expect(line).toContain(/const body = '(.*)'/.exec(source)?.[1]);
  });

  it('prints the output of its command', async () => {
    const line = blocks.map(({ text: shown }) => /^Try: (.*)$/m.exec(shown)?.[1]).find(Boolean);
    const { url } = await startService();
    expect(await run(line ?? '', url, tmpdir())).toEqual({
      code: 0,
      stdout: 'hello\n',
      stderr: '',
    });
  });
});

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(script: string, url: string, cwd: string): Promise<Result> {
  const child = spawn('bash', ['-c', script.replaceAll(defaultUrl, url)], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}

async function post(url: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(await response.text());
}

function eventOf(line: string): { type: string; seq: number; chunk?: string } {
  return JSON.parse(line) as { type: string; seq: number; chunk?: string };
}
