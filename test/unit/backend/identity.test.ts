import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fingerprintOf, newIncarnation, newProcessId } from '../../../src/backend/identity.ts';
import type { StartParams } from '../../../src/exec-types.ts';

test('a process id is a version 7 UUID of its time', () => {
  const id = newProcessId(0x0123_4567_89ab);
  expect(id).toMatch(/^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('process ids sort by time as text', () => {
  const times = fc.array(fc.integer({ min: 0, max: 2 ** 48 - 1 }), { minLength: 2 });
  fc.assert(
    fc.property(times, (values) => {
      const sorted = [...new Set(values)].sort((a, b) => a - b);
      const ids = sorted.map(newProcessId);
      expect(ids.toSorted()).toEqual(ids);
    }),
  );
});

test('neither process ids nor incarnations repeat', () => {
  const ids = Array.from({ length: 1000 }, () => newProcessId(1));
  const incarnations = Array.from({ length: 1000 }, newIncarnation);
  expect(new Set([...ids, ...incarnations]).size).toBe(2000);
  expect(incarnations.every((name) => /^[0-9a-f]{32}$/.test(name))).toBe(true);
});

const params: StartParams = {
  argv: ['a', 'b'],
  env: { A: '1', B: null },
  env_policy: { inherit: 'core', exclude: ['X*', 'Y'] },
  labels: { z: '1', y: '2' },
};

test('the order of members does not count, at any depth', () => {
  expect(
    fingerprintOf({
      labels: { y: '2', z: '1' },
      env_policy: { exclude: ['X*', 'Y'], inherit: 'core' },
      env: { B: null, A: '1' },
      argv: ['a', 'b'],
    }),
  ).toBe(fingerprintOf(params));
});

test.each<[string, StartParams]>([
  ['another argument', { ...params, argv: ['a', 'c'] }],
  ['arguments in another order', { ...params, argv: ['b', 'a'] }],
  ['arguments cut elsewhere', { ...params, argv: ['a b'] }],
  ['a list in another order', { ...params, env_policy: { inherit: 'core', exclude: ['Y', 'X*'] } }],
  ['null and an absent member', { ...params, env: { A: '1' } }],
  ['null and its name', { ...params, env: { A: '1', B: 'null' } }],
  ['values that changed places', { ...params, labels: { z: '2', y: '1' } }],
  ['a limit', { ...params, limits: { open_files: 1 } }],
  ['a user', { ...params, user: { uid: 0, gid: 0 } }],
  ['a niceness', { ...params, nice: 0 }],
  ['a umask', { ...params, umask: '022' }],
  ['a member that says the default', { ...params, pipe_stdin: false }],
  ['a member named __proto__', JSON.parse('{"argv":["a","b"],"labels":{"__proto__":"1"}}')],
])('%s counts', (_, other) => {
  expect(fingerprintOf(other)).not.toBe(fingerprintOf(params));
});

test('a member named __proto__ is a member like others', () => {
  const labelled = (value: string): StartParams => ({
    argv: ['a'],
    labels: Object.fromEntries([['__proto__', value]]),
  });
  expect(fingerprintOf(labelled('1'))).not.toBe(fingerprintOf(labelled('2')));
  expect(fingerprintOf(labelled('1'))).toBe(fingerprintOf(labelled('1')));
});

test('the fingerprint says nothing of the request', () => {
  expect(fingerprintOf(params)).toMatch(/^[0-9a-f]{64}$/);
});
