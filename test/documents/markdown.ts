import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The folder of the project. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** The text of a file of the project. */
export function textOf(file: string): string {
  return readFileSync(`${root}${file}`, 'utf8');
}

/** A fenced block: what its first line says, its text, and the heading above it. */
export interface Block {
  readonly info: string;
  readonly text: string;
  readonly heading: string;
}

/** The fenced blocks of a document, in order. */
export function blocksOf(markdown: string): Block[] {
  const parts = /^#+ (?<heading>.+)$|^```(?<info>.*)\n(?<text>[^]*?)^```$/gm;
  const blocks: Block[] = [];
  let above = '';
  for (const { groups = {} } of markdown.matchAll(parts)) {
    const { heading, info, text } = groups;
    if (heading !== undefined) above = heading;
    if (info !== undefined) blocks.push({ info, text: text ?? '', heading: above });
  }
  return blocks;
}

/** A document without its fenced blocks. */
export function proseOf(markdown: string): string {
  return markdown.replaceAll(/^```.*\n[^]*?^```$/gm, '');
}

/** The part of a document below a heading, up to the next heading of the same or a higher level. */
export function sectionOf(markdown: string, heading: string): string {
  const lines = markdown.split('\n');
  const start = lines.findIndex(
    (line) => line.replace(/^#+ /, '') === heading && line.startsWith('#'),
  );
  if (start === -1) throw new Error(`there is no heading ${heading}`);
  const level = lines[start]?.indexOf(' ') ?? 1;
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => /^#+ /.test(line) && line.indexOf(' ') <= level);
  return rest.slice(0, end === -1 ? undefined : end).join('\n');
}

/** The rows of the first table whose head begins with `firstHead`, without head and rule. */
export function tableOf(markdown: string, firstHead: string): string[][] {
  const lines = markdown.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${firstHead} |`));
  if (start === -1) throw new Error(`there is no table of ${firstHead}`);
  const rest = lines.slice(start + 2);
  const end = rest.findIndex((line) => !line.startsWith('|'));
  return rest.slice(0, end === -1 ? undefined : end).map(cellsOf);
}

/** What stands in backticks. */
export function codesOf(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}

function cellsOf(line: string): string[] {
  return line
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim());
}
