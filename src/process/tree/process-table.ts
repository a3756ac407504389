import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { markerVariable } from '../environment.ts';

/** A process of this host that is not dead. */
export interface ProcessEntry {
  readonly pid: number;
  readonly group: number;
  readonly session: number;
  /** When it was started, on the clock of {@link bootTicks}; with the pid it tells it from others. */
  readonly startTicks: number;
  /** The tree it says it belongs to; null also when the host does not let us see. */
  readonly marker: string | null;
}

/** What is seen of a process from outside; of a zombie too. */
export interface ProcessStat extends Omit<ProcessEntry, 'marker'> {
  readonly isDead: boolean;
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

  /**
   * Shows each process the moment it is seen, the newest first, until no new one comes. A scan
   * of its own each time: for those who have forked again before `read` is through.
   */
  async each(visit: (entry: ProcessEntry) => void): Promise<void> {
    await scan(visit);
  }
}

/** Hundredths of a second since this host was booted; -1 where that is not known. */
export function bootTicks(): number {
  const uptime = readProc('uptime');
  return uptime === null ? -1 : Math.round(Number.parseFloat(uptime) * 100);
}

/** Whether `/proc` is that of our pid namespace; any other would name strangers. Throws without. */
export function hasOurPids(): boolean {
  return readlinkSync('/proc/self') === String(process.pid);
}

/** Looks at one process; null when there is none. */
export function statOf(pid: number): ProcessStat | null {
  const stat = readProc(`${pid}/stat`);
  if (stat === null) return null;
  // The name before the last parenthesis is the program's choice and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state = 'X', , group, session] = fields;
  return {
    pid,
    group: Number(group),
    session: Number(session),
    startTicks: Number(fields[startTicksField]),
    isDead: 'ZXx'.includes(state),
  };
}

const startTicksField = 19;

async function scanProcesses(): Promise<readonly ProcessEntry[] | null> {
  const entries: ProcessEntry[] = [];
  const isThere = await scan((entry) => {
    entries.push(entry);
  });
  return isThere ? entries : null;
}

/**
 * Never rejects; false where there is no `/proc`. Lists again until nobody new is there: who is
 * replaced by his own child all the time would be in no list at the moment he is looked at.
 */
async function scan(visit: (entry: ProcessEntry) => void): Promise<boolean> {
  const seen = new Set<number>();
  for (let list = 0; list < listsMax; list += 1) {
    const pids = listPids();
    if (pids === null) return false;
    const unseen = pids.filter((pid) => !seen.has(pid)).toSorted((one, other) => other - one);
    if (unseen.length === 0) break;
    for (const pid of unseen) {
      // A read takes microseconds, so some are made in a row before others run.
      if (seen.size % readsInARow === readsInARow - 1) await setImmediate();
      seen.add(pid);
      const entry = readProcess(pid);
      if (entry !== null) visit(entry);
    }
  }
  return true;
}

const listsMax = 8;
const readsInARow = 64;

function listPids(): readonly number[] | null {
  try {
    if (!hasOurPids()) return null;
    const names = readdirSync('/proc').filter((name) => /^[1-9]\d*$/.test(name));
    return names.map(Number).filter((pid) => pid !== process.pid);
  } catch {
    return null;
  }
}

function readProcess(pid: number): ProcessEntry | null {
  const stat = statOf(pid);
  if (stat === null || stat.isDead) return null;
  const { group, session, startTicks } = stat;
  return { pid, group, session, startTicks, marker: markerOf(readProc(`${pid}/environ`)) };
}

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
