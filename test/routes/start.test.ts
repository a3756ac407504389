import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Process } from '../../src/protocol/process.ts';
import { eventually } from '../support/eventually.ts';
import type { TestService } from '../support/service.ts';
import { openService, startService } from '../support/service.ts';
import { Client } from './client.ts';
import { anyNumber, anyText, anyTime, invalid, refusal, told } from './problems.ts';

let service: TestService;
let client: Client;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'procession-start-'));
  service = await openService();
  client = new Client(service);
});

afterAll(async () => {
  await service.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** A script that leaves a line in a file each time it is run. */
function counted(process_id: string) {
  const file = path.join(dir, process_id);
  const request = {
    process_id,
    argv: ['sh', '-c', 'echo started >> "$FILE"'],
    env: { FILE: file },
  };
  const starts = () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0);
  return { request, starts };
}

describe('a start', () => {
  it('answers 201 with the process, which runs, and where it is', async () => {
    const labels = { team: 'a' };
    const argv = ['sleep', '60'];
    const { status, headers, body } = await client.post('/processes', {
      process_id: 'whole.A_1~x-y',
      argv,
      labels,
      pipe_stdin: true,
    });
    expect([status, headers.get('location'), headers.get('idempotent-replayed')]).toEqual([
      201,
      '/processes/whole.A_1~x-y',
      null,
    ]);
    expect(body).toEqual({
      process_id: 'whole.A_1~x-y',
      argv,
      cwd: process.cwd(),
      tty: false,
      size: null,
      pipe_stdin: true,
      labels,
      pid: anyNumber,
      state: 'running',
      exit_code: null,
      signal: null,
      exit_reason: null,
      failure: null,
      failure_reason: null,
      started_at: anyTime,
      exited_at: null,
      closed_at: null,
      expires_at: null,
      first_retained_seq: 1,
      next_seq: 1,
      retained_bytes: 0,
      evicted_bytes: 0,
      stdin: 'open',
      owner: anyText,
      output_incomplete: false,
    });
    expect(process.kill((body as Process).pid, 0)).toBe(true);
  });

  it('names a process that its request did not, in the order of the starts', async () => {
    const { process_id: first } = await client.start({ argv: ['true'] });
    await eventually(
      Date.now,
      (now) => now > Number.parseInt(first.replace('-', '').slice(0, 12), 16),
    );
    const { process_id: second } = await client.start({ argv: ['true'] });
    expect(first).toMatch(/^[A-Za-z0-9][A-Za-z0-9._~-]{21,127}$/);
    expect(first < second).toBe(true);
  });

  it('uses no shell', async () => {
    expect(await client.outputOf({ argv: ['echo', '$HOME', '*', ';', '"'] })).toBe('$HOME * ; "\n');
  });

  it('gives the child its variables and never the settings of the service', async () => {
    const env = { PLAIN: 'a=b', EMPTY: '', HOME: null };
    const text = await client.outputOf({ argv: ['env'], env, env_policy: { inherit: 'all' } });
    const lines = text.split('\n');
    expect(lines).toEqual(expect.arrayContaining(['PLAIN=a=b', 'EMPTY=']));
    expect(lines.filter((line) => /^(HOME|PROCESSION_\w*)=/.test(line))).toEqual([]);
  });

  it('gives the child nothing to inherit when the policy says so', async () => {
    const argv = ['/usr/bin/env'];
    const text = await client.outputOf({ argv, env_policy: { inherit: 'none' }, env: { A: '1' } });
    expect(text.split('\n').filter((line) => !line.startsWith('PROCESS_TREE_ID='))).toEqual([
      'A=1',
      '',
    ]);
  });

  it('gives the child its cwd and its name', async () => {
    expect(await client.outputOf({ argv: ['pwd'], cwd: '/usr' })).toBe('/usr\n');
    const argv = ['cat', '/proc/self/cmdline'];
    expect(await client.outputOf({ argv, arg0: 'renamed' })).toBe('renamed\0/proc/self/cmdline\0');
  });

  it('leaves stdin at its end unless it is asked for', async () => {
    expect(await client.outputOf({ argv: ['cat'] })).toBe('');
    expect(await client.start({ argv: ['cat'] })).toMatchObject({ stdin: 'closed' });
  });

  it('looks a relative command up in the PATH of the child', async () => {
    const script = path.join(dir, 'our-command');
    writeFileSync(script, '#!/bin/sh\necho found\n', { mode: 0o755 });
    expect(await client.outputOf({ argv: ['our-command'], env: { PATH: dir } })).toBe('found\n');
    const reply = await client.post('/processes', { argv: ['cat'], env: { PATH: dir } });
    expect(told(reply)).toEqual(refusal(422, 'command_not_found', { errno: 'ENOENT' }));
  });

  it('ends a process after its timeout', async () => {
    const { process_id } = await client.start({ argv: ['sleep', '60'], timeout_ms: 1 });
    expect(await client.closed(process_id)).toMatchObject({
      exit_code: null,
      signal: 'SIGTERM',
      exit_reason: 'timeout',
    });
  });

  it('waits for the output of a descendant no longer than drain_ms', async () => {
    const argv = ['sh', '-c', 'sleep 60 & echo started'];
    const { process_id } = await client.start({ argv, drain_ms: 10 });
    expect(await client.closed(process_id)).toMatchObject({
      exit_code: 0,
      output_incomplete: true,
    });
    await client.post(`/processes/${process_id}/terminate`, { grace_ms: 0, wait_ms: 5000 });
  });

  it('keeps a process readable for its retention, then 410 for any use of its id', async () => {
    const request = { process_id: 'brief', argv: ['true'], retention_ms: 0 };
    await client.start(request);
    await eventually(
      () => client.get('/processes/brief'),
      ({ status }) => status === 410,
    );
    expect(told(await client.post('/processes', request))).toEqual(refusal(410, 'process_expired'));
  });
});

describe('a repeated start', () => {
  it('finds the process that it started, whatever the order of its members', async () => {
    const { request, starts } = counted('repeated');
    const first = await client.start(request);
    const { env, argv, process_id } = request;
    const again = await client.post('/processes', { env, argv, process_id });
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(again.headers.get('location')).toBe('/processes/repeated');
    expect(again.body).toMatchObject({ pid: first.pid, started_at: first.started_at });
    await client.closed('repeated');
    expect((await client.post('/processes', request)).body).toEqual(
      await client.process('repeated'),
    );
    expect(starts()).toBe(1);
  });

  it('starts one child however many race', async () => {
    const { request, starts } = counted('raced');
    const race = Array.from({ length: 20 }, () => client.post('/processes', request));
    const replies = await Promise.all(race);
    expect(replies.map(({ status }) => status).sort()).toEqual([
      ...Array<number>(19).fill(200),
      201,
    ]);
    const pids = new Set(replies.map(({ body }) => (body as Process).pid));
    expect(pids.size).toBe(1);
    await client.closed('raced');
    expect(starts()).toBe(1);
  });

  it('of another request is a conflict', async () => {
    await client.start({ process_id: 'taken', argv: ['true'] });
    for (const other of [{ argv: ['false'] }, { argv: ['true'], labels: {} }]) {
      const reply = await client.post('/processes', { process_id: 'taken', ...other });
      expect(told(reply)).toEqual(refusal(409, 'process_id_conflict'));
    }
  });
});

describe('a start that is refused', () => {
  const script = (name: string, text: string, mode: number): string => {
    const file = path.join(dir, name);
    writeFileSync(file, text, { mode });
    return file;
  };

  it.each<readonly [string, () => object, number, object]>([
    ['command_not_found', () => ({ argv: ['no-such-command'] }), 422, { errno: 'ENOENT' }],
    ['command_not_found', () => ({ argv: ['/no/such/command'] }), 422, { errno: 'ENOENT' }],
    ['command_not_found', () => ({ argv: [''] }), 422, { errno: 'ENOENT' }],
    [
      'command_not_found',
      () => ({ argv: [script('i', '#!/no/such\n', 0o755)] }),
      422,
      { errno: 'ENOENT' },
    ],
    ['not_executable', () => ({ argv: [script('n', 'text', 0o644)] }), 422, { errno: 'EACCES' }],
    ['not_executable', () => ({ argv: ['/usr'] }), 422, { errno: 'EACCES' }],
    ['cwd_not_found', () => ({ argv: ['true'], cwd: '/no/such' }), 422, { errno: 'ENOENT' }],
    [
      'cwd_not_directory',
      () => ({ argv: ['true'], cwd: '/etc/passwd' }),
      422,
      { errno: 'ENOTDIR' },
    ],
    [
      'argument_list_too_long',
      () => ({ argv: ['true', 'x'.repeat(200_000)] }),
      422,
      { errno: 'E2BIG' },
    ],
  ])('as %s leaves nothing behind', async (...refused) => {
    const [code, request, status, members] = refused;
    const reply = await client.post('/processes', { process_id: 'refused', ...request() });
    expect(told(reply)).toEqual(refusal(status, code, members));
    expect(told(await client.get('/processes/refused'))).toEqual(refusal(404, 'process_not_found'));
    const { body } = await client.get('/processes');
    expect(JSON.stringify(body)).not.toContain('"refused"');
    expect((await client.post('/processes', { process_id: 'refused' })).status).toBe(400);
  });

  it('may be repeated with the same id once it can be kept', async () => {
    const request = { process_id: 'later', argv: [path.join(dir, 'later')] };
    expect((await client.post('/processes', request)).status).toBe(422);
    script('later', '#!/bin/sh\n', 0o755);
    expect((await client.post('/processes', request)).status).toBe(201);
  });

  it('says when too many run, and when to come back', async () => {
    const small = new Client(await startService({ PROCESSES_MAX: 2 }));
    await small.startCat('a');
    await small.startCat('b');
    const reply = await small.post('/processes', { process_id: 'c', argv: ['true'] });
    expect(told(reply)).toEqual(refusal(503, 'processes_max_reached'));
    expect(reply.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect((await small.post('/processes', { process_id: 'c' })).status).toBe(400);
    await small.finish('a');
    await small.start({ process_id: 'c', argv: ['true'] });
  });

  it.each<readonly [string, readonly unknown[], readonly unknown[]]>([
    ['argv', [['true'], ['true', '']], [[], ['true', '\0'], null, {}]],
    ['process_id', ['A', '0._~-', 'x'.repeat(128)], ['', '-a', '.', 'a/b', 'é', 'x'.repeat(129)]],
    ['cwd', ['/', '/usr/..'], ['', 'usr', '.', '/\0', null]],
    [
      'env',
      [{}, { _A1: '' }, { A: null }],
      [{ '': '1' }, { 'A=B': '1' }, { '1A': '' }, { A: '\0' }],
    ],
    [
      'env_policy',
      [{}, { inherit: 'none' }, { exclude: ['*'] }],
      [{ inherit: 'some' }, { other: 1 }],
    ],
    ['timeout_ms', [1, 2_147_483_647, null], [0, -1, 2_147_483_648]],
    ['grace_ms', [0, 2_147_483_647], [-1, 2_147_483_648, null]],
    ['drain_ms', [0, 2_147_483_647, null], [-1, 2_147_483_648]],
    ['retention_ms', [1, 2_147_483_647], [-1, 2_147_483_648, null]],
    ['labels', [{}, labels(32), { '': '' }], [labels(33), { a: 1 }, []]],
    ['size', [], [{ rows: 24, cols: 80 }, { rows: 0, cols: 80 }, {}]],
    ['arg0', ['', 'x'], [1, null]],
    ['tty', [false, true], [null, 1]],
  ])('takes %s within its bounds only', async (member, good, bad) => {
    const base = { argv: ['/bin/true'] };
    for (const value of good) {
      const { status } = await client.post('/processes', { ...base, [member]: value });
      expect([member, value, status]).toEqual([member, value, 201]);
    }
    for (const value of bad) {
      const { status, body } = await client.post('/processes', { ...base, [member]: value });
      expect([member, value, status, body]).toMatchObject([
        member,
        value,
        400,
        { code: 'invalid_request' },
      ]);
    }
  });

  it('names the member that is wrong', async () => {
    const reply = await client.post('/processes', { cwd: '/' });
    expect(told(reply)).toEqual(invalid);
    expect(reply.body).toMatchObject({
      errors: [{ pointer: '/argv', detail: "must have required property 'argv'" }],
    });
  });
});

describe('behind a public URL', () => {
  it('a start names the process below its path', async () => {
    const { url } = await startService({ PUBLIC_URL: 'https://example.org/run/' });
    const reply = await new Client({ url }).post('/processes', { process_id: 'p', argv: ['true'] });
    expect(reply.headers.get('location')).toBe('/run/processes/p');
  });
});

function labels(count: number): object {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`l${index}`, '']));
}
