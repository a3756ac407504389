import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EnvPolicy } from '../../../src/exec-types.ts';
import { childEnvironment, markerVariable } from '../../../src/process/environment.ts';
import { matchesGlob } from '../../../src/process/glob.ts';

const core = {
  PATH: '/bin',
  HOME: '/root',
  LANG: 'C',
  LC_ALL: 'C.UTF-8',
  TZ: 'UTC',
  USER: 'u',
  LOGNAME: 'u',
  SHELL: '/bin/sh',
  TMPDIR: '/tmp',
  TERM: 'dumb',
};
const all = { ...core, EDITOR: 'ed', AWS_SECRET_KEY: 's' };
const base = { ...all, NODE_OPTIONS: '--inspect', PROCESSION_TOKEN_FILE: '/t', UNSET: undefined };
const PROCESS_TREE_ID = 'i-1';

const policies: readonly (readonly [string, EnvPolicy | undefined, object])[] = [
  ['no policy inherits the core', undefined, core],
  ['core inherits the core', { inherit: 'core' }, core],
  ['none inherits nothing', { inherit: 'none' }, {}],
  ['all inherits all but the own settings and those of Node', { inherit: 'all' }, all],
  ['exclude ignores case', { inherit: 'all', exclude: ['aws_*'] }, { ...core, EDITOR: 'ed' }],
  ['a question mark is one character', { exclude: ['?Z', 'HOM'] }, without(core, 'TZ')],
  [
    'include_only keeps only what matches one of its globs',
    { inherit: 'all', include_only: ['path', 'ed*'] },
    { PATH: '/bin', EDITOR: 'ed' },
  ],
  [
    'exclude wins over include_only',
    { inherit: 'all', include_only: ['*'], exclude: ['L*', 'T*'] },
    without(all, 'LANG', 'LC_ALL', 'LOGNAME', 'TZ', 'TMPDIR', 'TERM'),
  ],
  [
    'include_only adds nothing that inherit leaves out',
    { include_only: ['EDITOR', 'NODE_OPTIONS', 'HOME'] },
    { HOME: '/root' },
  ],
];

describe('the environment of a child', () => {
  it.each(policies)('%s', (_fact, policy, expected) => {
    const env = childEnvironment({ base, policy, marker: PROCESS_TREE_ID });
    expect(env).toEqual({ ...expected, PROCESS_TREE_ID });
  });

  it('has the overlay over what is inherited, and null removes', () => {
    const overlay = { HOME: '/else', PATH: null, ABSENT: null, EMPTY: '', NODE_ENV: 'test' };
    const env = childEnvironment({
      base,
      policy: { include_only: ['HOME', 'PATH', 'TZ'] },
      overlay,
      marker: PROCESS_TREE_ID,
    });
    expect(env).toEqual({ HOME: '/else', TZ: 'UTC', EMPTY: '', NODE_ENV: 'test', PROCESS_TREE_ID });
  });

  it.each(['mine', null])('keeps the marker when the overlay says %s', (value) => {
    const env = childEnvironment({
      base: { PROCESS_TREE_ID: 'outer' },
      overlay: { [markerVariable]: value },
      marker: PROCESS_TREE_ID,
    });
    expect(env).toEqual({ PROCESS_TREE_ID });
  });

  it('may hold names of Object.prototype', () => {
    const overlay = new Map([
      ['__proto__', 'p'],
      ['constructor', 'c'],
    ]);
    const env = childEnvironment({
      base: {},
      overlay: Object.fromEntries(overlay),
      marker: PROCESS_TREE_ID,
    });
    expect(Object.entries(env)).toEqual([...overlay, [markerVariable, PROCESS_TREE_ID]]);
  });
});

describe('a glob', () => {
  it('matches what the same regular expression matches', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'B', '_', '*'), maxLength: 8 });
    const glob = fc.string({ unit: fc.constantFrom('A', 'b', '_', '*', '?'), maxLength: 8 });
    fc.assert(
      fc.property(name, glob, (text, pattern) => {
        const source = pattern.replaceAll('*', '.*').replaceAll('?', '.');
        expect(matchesGlob(text, pattern)).toBe(new RegExp(`^${source}$`, 'i').test(text));
      }),
      { numRuns: 500 },
    );
  });

  it('takes no exponential time', () => {
    expect(matchesGlob('a'.repeat(2000), `${'*a'.repeat(500)}b`)).toBe(false);
  });
});

function without(record: object, ...names: readonly string[]): object {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));
}
