import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** What all readers of one client process saw. */
export interface Seen {
  /** The distinct SHA-256 of their streams. */
  readonly hashes: readonly string[];
  /** How many streams ended cleanly. */
  readonly complete: number;
  readonly lines: number;
  readonly delayMs: { readonly p50: number; readonly p99: number };
}

/** Readers in a process of their own. */
export interface Readers {
  /** Resolves when all have got their headers. */
  readonly connected: Promise<void>;
  /** Resolves when all streams have ended. */
  readonly seen: Promise<Seen>;
}

/** Starts `count` readers of `url`; `file` is the compiled client. */
export function startReaders(file: string, url: string, count: number): Readers {
  const child = spawn(process.execPath, [file, url, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const reader = createInterface(child.stdout);
  const connected = once(reader, 'line').then(() => undefined);
  reader.on('line', (line) => lines.push(line));
  return {
    connected,
    seen: once(child, 'close').then(() => parseSeen(lines.at(-1) ?? '')),
  };
}

function parseSeen(line: string): Seen {
  const value: unknown = JSON.parse(line);
  if (isSeen(value)) return value;
  throw new Error(`unexpected line of the readers: ${line}`);
}

function isSeen(value: unknown): value is Seen {
  return typeof value === 'object' && value !== null && 'hashes' in value && 'delayMs' in value;
}
