import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { codesOf, sectionOf, tableOf, textOf } from './markdown.ts';

const documented = tableOf(sectionOf(textOf('README.md'), 'Settings'), 'setting').map(
  ([setting = '', defaultCell = '']) => ({
    name: codesOf(setting)[0] ?? '',
    defaultCell,
    value: /^`([^`]*)`$/.exec(defaultCell)?.[1],
  }),
);
const named = documented.map(({ name }) => name);

describe('the settings table of the README', () => {
  it('has exactly the settings that the service reads', () => {
    const read = [...textOf('src/config.ts').matchAll(/settings\.\w+\('([A-Z_]+)'/g)];
    const known = read.map(([, name = '']) => `PROCESSION_${name}`);
    expect(named.toSorted()).toEqual([...new Set(known)].sort());
  });

  it.each(documented.filter(({ value }) => value !== undefined))(
    'says the default of $name: $value',
    ({ name, value }) => {
      expect(loadConfig({ [name]: value })).toEqual(loadConfig({}));
    },
  );

  it('says in words the defaults that depend on the host, and those that are absent', () => {
    const inWords = documented.filter(({ value }) => value === undefined);
    expect(inWords.map(({ name, defaultCell }) => `${name}: ${defaultCell}`)).toEqual([
      'PROCESSION_DATA_DIR: `$XDG_STATE_HOME/procession`, else `~/.local/state/procession`',
      'PROCESSION_PUBLIC_URL: none',
      'PROCESSION_REPLICA_ID: the host name',
      'PROCESSION_CWD: the working directory',
      'PROCESSION_RUNNER: none',
      'PROCESSION_RUNNER_CLAIMS: none',
      'PROCESSION_ENGINE_URL: none',
    ]);
  });
});

describe('every other document', () => {
  it.each(['docs/protocol.md', 'docs/operations.md', 'docs/architecture.md', 'CONTRIBUTING.md'])(
    '%s names only settings that there are',
    (file) => {
      const names = textOf(file).match(/PROCESSION_[A-Z_]*[A-Z]/g) ?? [];
      expect(names.filter((name) => !named.includes(name))).toEqual([]);
    },
  );
});
