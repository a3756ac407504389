import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** What the kernel says of a process. */
export interface Usage {
  readonly rssBytes: number;
  readonly fds: number;
  /** Direct children by state; a zombie is one that was not reaped. */
  readonly children: number;
  readonly zombies: number;
}

/** Resident memory now. */
export function rssBytes(pid: number): number {
  return statusBytes(pid, 'VmRSS');
}

/** The highest resident memory since {@link resetPeak}, as the kernel counted it. */
export function peakRssBytes(pid: number): number {
  return statusBytes(pid, 'VmHWM');
}

/** Makes the resident memory now the peak. */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Memory, descriptors and children. */
export function usageOf(pid: number): Usage {
  const states = childStates(pid);
  return {
    rssBytes: rssBytes(pid),
    fds: readdirSync(`/proc/${pid}/fd`).length,
    children: states.length,
    zombies: states.filter((state) => state === 'Z').length,
  };
}

/** Processor time of all threads, without children, in seconds. */
export function cpuSeconds(pid: number): number {
  const fields = statFields(String(pid));
  const ticks = Number(fields[11]) + Number(fields[12]);
  return ticks / 100;
}

/** Files below a directory and the sum of their sizes; what vanishes meanwhile is not counted. */
export function treeOf(directory: string): { files: number; bytes: number } {
  const sum = { files: 0, bytes: 0 };
  for (const entry of entriesOf(directory)) {
    const file = path.join(directory, entry.name);
    const inside = entry.isDirectory() ? treeOf(file) : sizeOf(file);
    sum.files += inside.files;
    sum.bytes += inside.bytes;
  }
  return sum;
}

function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}

function sizeOf(file: string): { files: number; bytes: number } {
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  return { files: size === undefined ? 0 : 1, bytes: size ?? 0 };
}

function statusBytes(pid: number, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(
    readFileSync(`/proc/${pid}/status`, 'utf8'),
  );
  return Number(match?.[1]) * 1024;
}

function childStates(pid: number): string[] {
  const states: string[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const [state = '', parent] = statFields(name);
    if (parent === String(pid)) states.push(state);
  }
  return states;
}

/** The fields of `stat` after the name, which may hold anything: state, parent, … */
function statFields(pid: string): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}
