import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { root, textOf } from './markdown.ts';

/** What the first stage of the Dockerfile copies, as sources and where they go. */
function copies(): readonly { readonly from: string; readonly to: string }[] {
  const [, stage = ''] = textOf('Dockerfile').split(/^FROM .*$/m);
  return [...stage.matchAll(/^COPY (.+)$/gm)].flatMap(([, words = '']) => {
    const sources = words.split(' ');
    const target = sources.pop() ?? '';
    const into = (from: string): string =>
      target.endsWith('/') ? path.join(target, path.basename(from)) : target;
    return sources.map((from) => ({ from, to: into(from) }));
  });
}

it('the image has all that its build needs', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'procession-image-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  for (const { from, to } of copies()) {
    cpSync(path.join(root, from), path.join(directory, to), { recursive: true });
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(directory, 'node_modules'));
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: directory, encoding: 'utf8' });
  expect(existsSync(path.join(directory, 'dist/src/main.js'))).toBe(true);
});
