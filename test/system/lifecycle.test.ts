import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Client, startReluctant } from '../routes/client.ts';
import { parseSse } from '../routes/events.ts';
import { RawConnection, parseResponse } from '../routes/raw-connection.ts';
import type { Ended } from '../routes/subprocess.ts';
import {
  ServiceProgram,
  logLines,
  startProgram,
  temporaryDirectory,
} from '../routes/subprocess.ts';
import { hostCgroups } from '../../src/process/tree/host-cgroups.ts';
import { eventually } from '../support/eventually.ts';
import type { Settings } from '../support/service.ts';

/** Settings of a service with a directory of its own. */
function own(settings: Settings = {}): Settings {
  return { DATA_DIR: temporaryDirectory(), ...settings };
}

async function clientOf(program: ServiceProgram): Promise<Client> {
  return new Client({ url: await program.url() });
}

/** Starts a shell and a descendant that both ignore SIGTERM; gives their pids. */
async function startDeaf(client: Client, process_id: string): Promise<readonly number[]> {
  const script = 'trap "" TERM INT; (while :; do sleep 0.05; done) & echo $!; wait; wait';
  const { pid } = await client.start({ process_id, argv: ['sh', '-c', script] });
  await client.get(`/processes/${process_id}/wake?wait_ms=20000`);
  const { body } = await client.get(`/processes/${process_id}/output?format=text`);
  return [pid, Number(body)];
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function allGone(pids: readonly number[]): Promise<void> {
  await eventually(
    () => pids.filter(isAlive),
    (alive) => alive.length === 0,
  );
}

/** A failed start: nothing on stdout and one sentence on stderr. */
async function sentence(program: ServiceProgram): Promise<string> {
  const { code, stdout, stderr } = await program.ended;
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^[^\n]+\n$/);
  expect(stderr).not.toMatch(/^\s+at |Error:/);
  return stderr;
}

describe('a start of the service', () => {
  it('says in a line of JSON where it listens, within seconds', async () => {
    const startedAt = performance.now();
    const program = startProgram(own());
    const url = await program.url();
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    expect((await new Client({ url }).get('/readyz')).body).toEqual({ status: 'ready' });
    const announced = logLines(program.stdout).filter(({ msg }) => msg === 'listening');
    expect(announced).toMatchObject([{ level: 30, msg: 'listening', url }]);
  });

  it('reads .env of its working directory, which the environment beats', async () => {
    const dir = temporaryDirectory();
    const lines = ['PROCESSION_REPLICA_ID=from-file', 'PROCESSION_PUBLIC_URL=http://a/x', ''];
    writeFileSync(path.join(dir, '.env'), lines.join('\n'));
    const client = await clientOf(startProgram(own({ PUBLIC_URL: 'http://a/y' }), dir));
    const { headers, body } = await client.post('/processes', { process_id: 'p', argv: ['true'] });
    expect(headers.get('location')).toBe('/y/processes/p');
    expect(body).toMatchObject({ owner: 'from-file' });
  });

  it.each([
    ['PORT', '65536'],
    ['HOST', '0.0.0.0'],
    ['REPLAY_EVENTS_MAX', '1e3'],
    ['DATA_DIR', '/dev/null/procession'],
    ['DATA_DIR', '/proc/procession'],
  ])('with PROCESSION_%s=%s ends with one sentence that names it', async (name, value) => {
    expect(await sentence(startProgram(own({ [name]: value })))).toContain(`PROCESSION_${name}`);
  });

  it('on a port that is taken ends with one sentence', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    expect(await sentence(startProgram(own({ PORT: port })))).toContain(`127.0.0.1:${port}`);
    other.close();
  });

  it('on a directory that another service has ends with one sentence', async () => {
    const settings = own();
    await startProgram(settings).url();
    await sentence(startProgram(settings));
  });
});

describe('SIGTERM', () => {
  it('ends streams so that they come back, long-polls and every child, with exit code 0', async () => {
    const program = startProgram(own({ SHUTDOWN_GRACE_MS: 300 }));
    const client = await clientOf(program);
    const pids = await startDeaf(client, 'p');
    const { pid } = await client.startCat('cat');
    const streams = await Promise.all(
      ['p/events?after_seq=0', 'p/output?format=sse', 'cat/wake?format=sse'].map(async (rest) => {
        const connection = await RawConnection.open(client);
        connection.request(`GET /processes/${rest} HTTP/1.1`);
        await connection.until((text) => text.includes('\nid: '));
        return connection;
      }),
    );
    const longPoll = client.get('/processes/cat/output?wait_ms=60000');
    await client.get('/livez');
    program.child.kill('SIGTERM');
    expect((await longPoll).body).toMatchObject({ chunks: [], next_seq: 1, closed: false });
    for (const stream of streams) {
      expect(await stream.ended()).toBe('fin');
      const { body, isComplete } = parseResponse(stream.text);
      const { frames, retries } = parseSse(body);
      expect({ isComplete, retries: retries.length, last: frames.at(-1) }).toEqual({
        isComplete: false,
        retries: 2,
        last: { event: 'draining', data: { type: 'draining' }, id: null },
      });
    }
    expect(await told(program)).toEqual({ code: 0, signal: null, last: 'shut down', stderr: '' });
    await allGone([...pids, pid]);
  });

  it('refuses what is new while it lasts', async () => {
    const program = startProgram(own({ SHUTDOWN_GRACE_MS: 20_000 }));
    const client = await clientOf(program);
    const release = await startReluctant(client, 'p');
    program.child.kill('SIGTERM');
    const ready = await eventually(
      () => client.get('/readyz'),
      ({ status }) => status !== 200,
    );
    expect([ready.status, ready.body]).toEqual([503, { status: 'draining' }]);
    const { status, headers, body } = await client.post('/processes', { argv: ['true'] });
    expect([status, headers.get('retry-after'), body]).toMatchObject([
      503,
      '1',
      { code: 'draining' },
    ]);
    release();
    expect(await told(program)).toMatchObject({ code: 0 });
  });

  it('once more, after a while, ends the service at once', async () => {
    const program = startProgram(own({ SHUTDOWN_GRACE_MS: 60_000, SHUTDOWN_MS_MAX: 60_000 }));
    const client = await clientOf(program);
    const pids = await startDeaf(client, 'p');
    program.child.kill('SIGTERM');
    await eventually(
      () => client.get('/readyz'),
      ({ status }) => status === 503,
    );
    await eventually(
      () => program.child.kill('SIGTERM') && program.child.exitCode === null,
      (runs) => !runs,
    );
    expect((await program.ended).code).toBe(1);
    // Without a cgroup who has left the group is found by a search only, and there is no time for it.
    if (hostCgroups() === null)
      for (const pid of pids.filter(isAlive)) process.kill(pid, 'SIGKILL');
    await allGone(pids);
  });

  it.each(['SIGINT', 'SIGHUP'] as const)('%s does the same', async (signal) => {
    const program = startProgram(own());
    const client = await clientOf(program);
    const { pid } = await client.startCat('p');
    program.child.kill(signal);
    expect(await told(program)).toMatchObject({ code: 0 });
    await allGone([pid]);
  });
});

describe('npm start', () => {
  const start = () => new ServiceProgram(['npm', 'start'], own({ SHUTDOWN_GRACE_MS: 200 }));

  it('passes SIGTERM on and ends with exit code 0', async () => {
    const program = start();
    const client = await clientOf(program);
    const pids = await startDeaf(client, 'p');
    program.child.kill('SIGTERM');
    expect((await program.ended).code).toBe(0);
    await allGone(pids);
    await expect(client.get('/livez')).rejects.toThrow();
  });

  it('ends as well when a terminal signals it and the service, which npm does again', async () => {
    const program = start();
    const client = await clientOf(program);
    const pids = await startDeaf(client, 'p');
    program.signal('SIGINT');
    expect((await program.ended).code).toBe(0);
    await allGone(pids);
  });
});

describe('a service that comes again to its directory', () => {
  it('lists and reads what was closed, and knows what was removed', async () => {
    const settings = own();
    const first = startProgram(settings);
    const before = await clientOf(first);
    for (const process_id of ['a', 'b', 'c']) {
      await before.start({ process_id, argv: ['echo', process_id] });
      await before.closed(process_id);
    }
    await before.delete('/processes/b');
    const list = await before.get('/processes');
    const page = await before.get('/processes/a/output');
    first.child.kill('SIGTERM');
    expect((await first.ended).code).toBe(0);
    const after = await clientOf(startProgram(settings));
    expect((await after.get('/processes')).body).toEqual(list.body);
    expect((await after.get('/processes/a/output')).body).toEqual(page.body);
    expect(String((await after.get('/processes/c/output?format=text')).body)).toBe('c\n');
    expect((await after.get('/processes/a/events?after_seq=3')).status).toBe(204);
    expect((await after.get('/processes/b')).status).toBe(410);
    const again = await after.post('/processes', { process_id: 'a', argv: ['echo', 'a'] });
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect((await after.post('/processes', { process_id: 'b', argv: ['echo', 'b'] })).status).toBe(
      410,
    );
  });

  it('has what it ended at its shutdown as closed', async () => {
    const settings = own({ SHUTDOWN_GRACE_MS: 100 });
    const first = startProgram(settings);
    const before = await clientOf(first);
    await before.startCat('p');
    await before.emit('p', 'a');
    first.child.kill('SIGTERM');
    await first.ended;
    const after = await clientOf(startProgram(settings));
    expect(await after.process('p')).toMatchObject({
      state: 'closed',
      signal: 'SIGTERM',
      exit_reason: 'server_shutdown',
      retained_bytes: 1,
      stdin: 'closed',
    });
  });
});

/** How a program ended, with the last line of its log; all lines but the hint are JSON. */
async function told(program: ServiceProgram): Promise<object> {
  const { code, signal, stdout, stderr }: Ended = await program.ended;
  const lines = stdout.trimEnd().split('\n');
  const others = lines.filter((line) => !line.startsWith('{'));
  expect(others).toEqual([expect.stringMatching(/^Try: curl /)]);
  return { code, signal, last: logLines(stdout).at(-1)?.msg, stderr };
}
