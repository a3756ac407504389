import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { Config } from '../../src/config.ts';
import { loadConfig } from '../../src/config.ts';

function load(name: string, value: string | number): Config {
  return loadConfig({ [`PROCESSION_${name}`]: String(value) });
}

/** What a value is refused with. */
function refusal(name: string, value: string | number): unknown {
  try {
    return load(name, value);
  } catch (error) {
    return error instanceof Error ? error.message : error;
  }
}

const durationMax = 2_147_483_647;
const largest = Number.MAX_SAFE_INTEGER;

/** Every setting that is a number, with its member, least, most and default. */
const numbers: readonly (readonly [string, keyof Config, number, number, number])[] = [
  ['PORT', 'port', 0, 65_535, 8080],
  ['RETAINED_OUTPUT_BYTES_MAX', 'retainedOutputBytesMax', 1, largest, 67_108_864],
  ['DATA_BYTES_MAX', 'dataBytesMax', 1, largest, 10_737_418_240],
  ['REPLAY_EVENTS_MAX', 'replayEventsMax', 1, largest, 4096],
  ['REPLAY_BYTES_MAX', 'replayBytesMax', 1, largest, 1_048_576],
  ['RETENTION_MS', 'retentionMs', 0, durationMax, 600_000],
  ['TOMBSTONE_MS', 'tombstoneMs', 3_600_000, durationMax, 3_600_000],
  ['PROCESSES_MAX', 'processesMax', 1, largest, 1000],
  ['READER_QUEUE_BYTES_MAX', 'readerQueueBytesMax', 1, largest, 1_048_576],
  ['READER_STALL_MS', 'readerStallMs', 1, durationMax, 30_000],
  ['STDIN_QUEUE_BYTES_MAX', 'stdinQueueBytesMax', 1, largest, 1_048_576],
  ['STDIN_STALL_MS', 'stdinStallMs', 0, durationMax, 5000],
  ['STDIN_WRITE_IDS_MAX', 'stdinWriteIdsMax', 1, largest, 1024],
  ['HEARTBEAT_MS', 'heartbeatMs', 1, durationMax, 15_000],
  ['BODY_BYTES_MAX', 'bodyBytesMax', 1, largest, 1_048_576],
  ['REQUEST_MS_MAX', 'requestMsMax', 1, durationMax, 30_000],
  ['GRACE_MS', 'graceMs', 0, durationMax, 5000],
  ['SHUTDOWN_GRACE_MS', 'shutdownGraceMs', 0, durationMax, 5000],
  ['SHUTDOWN_MS_MAX', 'shutdownMsMax', 1, durationMax, 20_000],
];

/** What a value of a number is kept as; the replay is never above the retained bound. */
function kept(name: string, value: number): number {
  return name === 'REPLAY_BYTES_MAX' ? Math.min(value, 67_108_864) : value;
}

describe('the settings', () => {
  it('have these defaults', () => {
    const defaults = Object.fromEntries(numbers.map(([, member, , , value]) => [member, value]));
    expect(loadConfig({ XDG_STATE_HOME: '/state' })).toEqual({
      ...defaults,
      host: '127.0.0.1',
      dataDir: '/state/procession',
      pathPrefix: '',
      replicaId: hostname(),
      cwd: process.cwd(),
      spawner: 'auto',
      runner: [],
      runnerClaims: [],
      logLevel: 'info',
      fsync: 'exit',
      onStoreError: 'pause',
      orphans: 'terminate',
    });
  });

  it('do not change any more', () => {
    expect(Object.isFrozen(loadConfig({}))).toBe(true);
  });

  it.each(numbers)('%s as %s goes from %d to %d', (...setting) => {
    const [name, member, least, most] = setting;
    for (const value of [least, least + 1, most - 1, most]) {
      expect(load(name, value)[member]).toBe(kept(name, value));
    }
    for (const value of [least - 1, most + 1]) {
      expect(refusal(name, value)).toBe(
        `PROCESSION_${name} must be a whole number from ${least} to ${most}, not "${value}"`,
      );
    }
  });

  it.each(numbers)('%s is its default when it is empty', (...setting) => {
    const [name, member, , , value] = setting;
    expect(load(name, '')[member]).toBe(value);
  });

  it.each(numbers)('%s that is no number names the variable', (name) => {
    for (const value of [
      'x',
      '1e3',
      '0x10',
      '1.5',
      ' 7',
      '7 ',
      '+7',
      '1_000',
      '７',
      '99999999999999999',
    ]) {
      expect(refusal(name, value)).toMatch(
        new RegExp(`^PROCESSION_${name} must be a whole number from [^\n]* not ".*"$`),
      );
    }
  });

  it('keep the replay within the retained output', () => {
    const { replayBytesMax } = load('RETAINED_OUTPUT_BYTES_MAX', 4096);
    expect(replayBytesMax).toBe(4096);
  });
});

describe('HOST', () => {
  it.each(['127.0.0.1', '127.255.255.254', 'localhost', '::1'])('may be %s', (host) => {
    expect(load('HOST', host).host).toBe(host);
  });

  it.each([
    '0.0.0.0',
    '::',
    '192.168.0.1',
    'example.org',
    '127.0.0.256',
    '127.0.0.1.example.org',
    '127.1',
    ' 127.0.0.1',
  ])('may not be %s', (host) => {
    expect(refusal('HOST', host)).toMatch(/^PROCESSION_HOST must be a loopback address[^\n]*$/);
  });
});

describe('PUBLIC_URL', () => {
  it.each([
    ['', ''],
    ['http://example.org', ''],
    ['https://example.org/', ''],
    ['https://example.org/run', '/run'],
    ['https://example.org/a/b//', '/a/b'],
    ['https://user@example.org:8443/run?x=1#y', '/run'],
    ['http://example.org/a b', '/a%20b'],
  ])('%j puts %j before every path', (url, prefix) => {
    expect(load('PUBLIC_URL', url).pathPrefix).toBe(prefix);
  });

  it.each(['/run', 'example.org', 'ftp://example.org', 'http://', 'javascript:1'])(
    'may not be %s',
    (url) => {
      expect(refusal('PUBLIC_URL', url)).toBe(
        `PROCESSION_PUBLIC_URL must be an http or https URL, not ${JSON.stringify(url)}`,
      );
    },
  );
});

describe('the directories', () => {
  it('come from the home directory when XDG_STATE_HOME is not an absolute path', () => {
    const { dataDir } = loadConfig({ XDG_STATE_HOME: 'state' });
    expect(dataDir).toMatch(/^\/.*\/\.local\/state\/procession$/);
    expect(loadConfig({}).dataDir).toBe(dataDir);
  });

  it('DATA_DIR may be relative to the working directory', () => {
    expect(load('DATA_DIR', 'data').dataDir).toBe(`${process.cwd()}/data`);
    expect(load('DATA_DIR', '/data').dataDir).toBe('/data');
  });

  it('CWD has to be absolute', () => {
    expect(load('CWD', '/usr').cwd).toBe('/usr');
    expect(refusal('CWD', 'usr')).toBe('PROCESSION_CWD must be an absolute path, not "usr"');
  });
});

describe('RUNNER', () => {
  it.each([
    ['["/usr/bin/bwrap"]', ['/usr/bin/bwrap']],
    ['["/a b","","--","-n"]', ['/a b', '', '--', '-n']],
    ['[]', []],
    ['', []],
  ])('may be %j', (text, runner) => {
    expect(load('RUNNER', text).runner).toEqual(runner);
  });

  it.each([
    '/usr/bin/bwrap',
    '"/usr/bin/bwrap"',
    '["bwrap"]',
    '[""]',
    '["./bwrap"]',
    '["/bwrap",1]',
    '["/bwrap",null]',
    '["/bwrap","\\u0000"]',
    '{"0":"/bwrap"}',
    'null',
  ])('may not be %s', (text) => {
    expect(refusal('RUNNER', text)).toBe(
      'PROCESSION_RUNNER must be a JSON array of texts without NUL, first an absolute path, ' +
        `not ${JSON.stringify(text)}`,
    );
  });
});

describe('RUNNER_CLAIMS', () => {
  const claim = (claims: string, runner = '["/r"]') =>
    loadConfig({ PROCESSION_RUNNER: runner, PROCESSION_RUNNER_CLAIMS: claims }).runnerClaims;

  it.each(['pid_namespace', 'no_network', 'no_new_privs', 'no_capabilities', 'uid=0', 'uid=1000'])(
    'may be %s',
    (name) => {
      expect(claim(name)).toEqual([name]);
      expect(claim(`no_network,${name}`)).toEqual(['no_network', name]);
    },
  );

  it('may be empty', () => {
    expect(claim('')).toEqual([]);
  });

  it.each(['root', 'uid=', 'uid=01', 'uid=-1', 'uid=x', 'no_network,', 'no_network, uid=1'])(
    'may not be %j',
    (claims) => {
      expect(() => claim(claims)).toThrow(
        /^PROCESSION_RUNNER_CLAIMS must be a comma list of [^\n]*, not ".*"$/,
      );
    },
  );

  it('is nothing without a runner', () => {
    expect(() => claim('no_network', '')).toThrow(
      /^PROCESSION_RUNNER_CLAIMS needs PROCESSION_RUNNER, which is not set$/,
    );
  });
});

describe('the choices', () => {
  it.each([
    ['SPAWNER', 'execa', 'auto, posix, execa'],
    ['FSYNC', 'always', 'exit, always, never'],
    ['ON_STORE_ERROR', 'drop', 'pause, drop, terminate'],
    ['ORPHANS', 'leave', 'terminate, leave'],
    ['LOG_LEVEL', 'debug', 'info, trace, debug, warn, error, silent'],
  ])('%s is one of its values', (name, value, choices) => {
    expect(Object.values(load(name, value))).toContain(value);
    expect(refusal(name, 'other')).toBe(
      `PROCESSION_${name} must be one of ${choices}, not "other"`,
    );
  });

  it('REPLICA_ID is any text', () => {
    expect(load('REPLICA_ID', 'a b').replicaId).toBe('a b');
  });

  it.each([
    ['AUTH', 'token'],
    ['ENGINE_URL', 'redis://localhost'],
  ])('%s cannot ask for what is not there yet', (name, value) => {
    expect(refusal(name, value)).toMatch(new RegExp(`^PROCESSION_${name} [^\n]*$`));
  });

  it('AUTH may be none, as it is', () => {
    expect(() => load('AUTH', 'none')).not.toThrow();
  });
});
