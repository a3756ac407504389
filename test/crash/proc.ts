import { readdirSync, readFileSync } from 'node:fs';

/** The variable by which everything that a campaign has started is found, whatever its service says. */
export const crashVariable = 'CRASH_TEST';

/** A process of the host that a campaign has started. */
export interface Marked {
  readonly pid: number;
  /** Its start in clock ticks since the boot, which tells it from a later one with this number. */
  readonly startTicks: string;
  readonly life: number;
  readonly key: string;
  readonly command: string;
}

/** What {@link crashVariable} holds. */
export function markOf(campaign: string, life: number, key: string): string {
  return `${campaign}/${life}/${key}`;
}

/** Everybody alive with the mark of this campaign. */
export function findMarked(campaign: string): readonly Marked[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    const mark = valueOf(read(pid, 'environ'), crashVariable);
    const [name, life = '', key = ''] = mark.split('/');
    if (name !== campaign || isZombie(pid)) return [];
    const command = read(pid, 'cmdline').replaceAll('\0', ' ').trim();
    return [{ pid: Number(pid), startTicks: startTicks(pid), life: Number(life), key, command }];
  });
}

/** Kills somebody, unless his number is somebody else's by now. */
export function killMarked({ pid, startTicks: ticks }: Marked): void {
  if (startTicks(String(pid)) !== ticks) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}

function valueOf(environ: string, name: string): string {
  const variable = environ.split('\0').find((text) => text.startsWith(`${name}=`));
  return variable?.slice(name.length + 1) ?? '';
}

function startTicks(pid: string): string {
  return statFields(pid)[19] ?? '';
}

function isZombie(pid: string): boolean {
  return ['Z', 'X', undefined].includes(statFields(pid)[0]);
}

/** The fields after the name, which may hold anything. */
function statFields(pid: string): readonly string[] {
  const stat = read(pid, 'stat');
  return stat === '' ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
