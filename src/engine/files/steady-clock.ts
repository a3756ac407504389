import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import type { Metadata } from './metadata/metadata.ts';

/**
 * Milliseconds since 1970 that go on evenly, whatever happens to the clock of the host: counted from
 * its boot, also while it sleeps and from one service to the next. It shows what the
 * clock of the host showed when it was first asked after the boot, whatever that shows since.
 */
export function steadyClock(metadata: Pick<Metadata, 'bootedAt'>): () => number {
  const now = Date.now() - uptimeMs();
  const bootId = readBootId();
  const bootedAt = bootId === null ? now : metadata.bootedAt(bootId, now);
  return () => bootedAt + uptimeMs();
}

function uptimeMs(): number {
  return Math.round(uptime() * 1000);
}

function readBootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return null;
  }
}
