import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { codesOf, proseOf, root, sectionOf, tableOf, textOf } from './markdown.ts';

const architecture = textOf('docs/architecture.md');

interface Rule {
  readonly name: string;
  readonly comment: string;
}

describe('the page on the architecture', () => {
  it('names only files and folders that exist', () => {
    const paths = codesOf(proseOf(architecture)).filter((code) =>
      /^(src|routes|test|openapi|docs|bench|scripts|tools)\/[\w./-]*$/.test(code),
    );
    expect(paths.length).toBeGreaterThan(30);
    expect(paths.filter((path) => !existsSync(`${root}${path}`))).toEqual([]);
  });

  it('names every folder and file of src', () => {
    const missing = readdirSync(`${root}src`, { withFileTypes: true })
      .map((entry) => (entry.isDirectory() ? `src/${entry.name}/` : entry.name))
      .filter((name) => !codesOf(sectionOf(architecture, 'Folders')).includes(name));
    expect(missing).toEqual([]);
  });

  it('has the arrows that are enforced', async () => {
    const url = new URL('../../.dependency-cruiser.js', import.meta.url);
    const settings = (await import(url.href)) as { default: { forbidden: readonly Rule[] } };
    const enforced = settings.default.forbidden
      .map(({ comment }) => /^(\S+) imports only: (.*)$/.exec(comment))
      .flatMap((match) => (match === null ? [] : [[match[1], sorted(match[2]?.split(', '))]]));
    expect(Object.fromEntries(arrows())).toEqual(Object.fromEntries(enforced));
  });
});

const port = ['src/exec-backend.ts', 'src/exec-types.ts', 'src/log/'];

function arrows(): [string, string[]][] {
  return tableOf(sectionOf(architecture, 'Arrows'), 'part').flatMap(([parts = '', below = '']) => {
    const named = [...codesOf(below), ...(below.includes('the port') ? port : [])];
    return codesOf(parts).map((part): [string, string[]] => [
      part,
      sorted([...named, 'src/errors.ts']),
    ]);
  });
}

function sorted(names: readonly string[] = []): string[] {
  return [...new Set(names)].sort();
}
