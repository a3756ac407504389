import { existsSync, globSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { proseOf, root, textOf } from './markdown.ts';

const documents = globSync('{*.md,{docs,bench,src,test,tools,openapi}/**/*.md}', {
  cwd: root,
  exclude: (name) => name.includes('node_modules'),
}).sort();

describe('the links between the documents', () => {
  it('are looked at in every document', () => {
    expect(documents).toEqual(
      expect.arrayContaining(['CHANGELOG.md', 'CONTRIBUTING.md', 'README.md', 'docs/protocol.md']),
    );
  });

  it.each(documents)('all lead somewhere: %s', (file) => {
    const links = [...proseOf(textOf(file)).matchAll(/\]\(([^)\s]+)\)/g)].map(
      ([, link = '']) => link,
    );
    const relative = links.filter((link) => !/^[a-z]+:/.test(link));
    expect(relative.filter((link) => !leadsSomewhere(file, link))).toEqual([]);
  });
});

function leadsSomewhere(from: string, link: string): boolean {
  const [name = '', anchor] = link.split('#');
  const file = name === '' ? from : path.join(path.dirname(from), name);
  if (!existsSync(`${root}${file}`)) return false;
  if (anchor === undefined) return true;
  return statSync(`${root}${file}`).isFile() && anchorsOf(textOf(file)).includes(anchor);
}

/** As GitHub makes them of headings. */
function anchorsOf(markdown: string): string[] {
  return [...proseOf(markdown).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
