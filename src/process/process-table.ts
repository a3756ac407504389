import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { markerVariable } from './environment.ts';

/** A process of this host that is not dead. */
export interface ProcessEntry {
  readonly pid: number;
  readonly group: number;
  readonly session: number;
  /** When it was started, on the clock of {@link bootTicks}. */
  readonly startTicks: number;
  /** The tree it says it belongs to; null also when the host does not let us see. */
  readonly marker: string | null;
}

/** The processes of this host, read from Linux' `/proc`. */
export class ProcessTable {
  #scanning: Promise<unknown> = Promise.resolve();
  #next: Promise<readonly ProcessEntry[] | null> | null = null;

  /**
   * Every living process but our own, seen after the call; null where there is no `/proc`.
   * However many ask at once, one scan answers all who came before it began.
   */
  read(): Promise<readonly ProcessEntry[] | null> {
    this.#next ??= this.#scanning.then(() => {
      this.#next = null;
      const scan = scanProcesses();
      this.#scanning = scan;
      return scan;
    });
    return this.#next;
  }
}

/** Hundredths of a second since this host was booted; -1 where that is not known. */
export function bootTicks(): number {
  const uptime = readProc('uptime');
  return uptime === null ? -1 : Math.round(Number.parseFloat(uptime) * 100);
}

/** Never rejects. A read takes microseconds, so some are made in a row before others run. */
async function scanProcesses(): Promise<readonly ProcessEntry[] | null> {
  const pids = listPids();
  if (pids === null) return null;
  const entries: ProcessEntry[] = [];
  for (const [index, pid] of pids.entries()) {
    if (index % readsInARow === readsInARow - 1) await setImmediate();
    const entry = readProcess(pid);
    if (entry !== null) entries.push(entry);
  }
  return entries;
}

const readsInARow = 64;

function listPids(): readonly number[] | null {
  try {
    const names = readdirSync('/proc').filter((name) => /^[1-9]\d*$/.test(name));
    return names.map(Number).filter((pid) => pid !== process.pid);
  } catch {
    return null;
  }
}

function readProcess(pid: number): ProcessEntry | null {
  const stat = readProc(`${pid}/stat`);
  if (stat === null) return null;
  // The name before the last parenthesis is the program's choice and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, , group, session] = fields;
  if (state === undefined || 'ZXx'.includes(state)) return null;
  return {
    pid,
    group: Number(group),
    session: Number(session),
    startTicks: Number(fields[startTicksField]),
    marker: markerOf(readProc(`${pid}/environ`)),
  };
}

const startTicksField = 19;

function markerOf(environ: string | null): string | null {
  return environ === null ? null : (markerPattern.exec(environ)?.[1] ?? null);
}

const markerPattern = new RegExp(`(?:^|\\0)${markerVariable}=([^\\0]*)`);

/** Null when the process went away or is not ours to look at. */
function readProc(file: string): string | null {
  try {
    return readFileSync(`/proc/${file}`, 'latin1');
  } catch {
    return null;
  }
}
