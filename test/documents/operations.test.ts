import { globSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { startService } from '../support/service.ts';
import { codesOf, root, sectionOf, tableOf, textOf } from './markdown.ts';

const operations = textOf('docs/operations.md');

describe('the page on operations', () => {
  it('has every metric of the service, with its type', async () => {
    const { url } = await startService();
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const served = [...metrics.matchAll(/^# TYPE (procession_\S+) (\S+)$/gm)];
    const rows = tableOf(sectionOf(operations, 'Metrics'), 'metric');
    const written = rows.map(([name = '', type = '']) => [codesOf(name)[0] ?? '', type]);
    const byName = new Map(served.map(([, name = '', type = '']) => [name, type]));
    expect(Object.fromEntries(written)).toEqual(Object.fromEntries(byName));
  });

  it('has every line that the service logs above debug', () => {
    const call = /log\.(?:info|warn|error|fatal)\((?:\{[^}]*\},\s*)?'([^']+)'/g;
    const sources = globSync('{src,routes}/**/*.ts', { cwd: root }).map(textOf);
    const logged = sources.flatMap((source) =>
      [...source.matchAll(call)].map(([, message = '']) => message),
    );
    const listening = textOf('src/main.ts').match(/(?<=listenTextResolver: \(\) => ')[^']+/g) ?? [];
    const rows = tableOf(sectionOf(operations, 'Logs'), '`msg`');
    const written = rows.flatMap(([message = '']) => codesOf(message));
    expect(written.toSorted()).toEqual([...new Set([...logged, ...listening])].sort());
  });
});
