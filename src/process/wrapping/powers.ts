import type { ProcessLimits } from '../../exec-types.ts';

/** What the files of `/proc/self` say, by their names there; a file may be missing. */
export type ProcFacts = ReadonlyMap<string, string>;

/** What a program may change for itself where the commands run. */
export interface Powers {
  /** -1 where it cannot be known; so is `gid`. */
  readonly uid: number;
  readonly gid: number;
  /** The supplementary groups. */
  readonly groups: readonly number[];
  readonly nice: number;
  /** The privileges that outlive the start of a program, as bits. */
  readonly capabilities: bigint;
  /** Infinity: no limit; a limit that is not there cannot be known. */
  readonly hardLimits: ReadonlyMap<keyof ProcessLimits, number>;
  /** The most that `open_files` can be, even for root. */
  readonly openFilesMax: number;
  /** The users and groups that there are: the first, and how many. */
  readonly uids: readonly IdRange[];
  readonly gids: readonly IdRange[];
}

/** A run of ids. */
interface IdRange {
  readonly first: number;
  readonly count: number;
}

/** Bits of {@link Powers.capabilities}; see capabilities(7). */
export const capability = {
  kill: 1n << 5n,
  setGid: 1n << 6n,
  setUid: 1n << 7n,
  sysAdmin: 1n << 21n,
  sysNice: 1n << 23n,
  sysResource: 1n << 24n,
} as const;

/** The files of `/proc/self` that {@link powersOf} reads. */
export const powerFiles: readonly string[] = ['status', 'stat', 'limits', 'uid_map', 'gid_map'];

/** Reads what the kernel tells of a program. What it does not tell is no power. */
export function powersOf(facts: ProcFacts): Powers {
  const uids = rangesOf(facts.get('uid_map') ?? '');
  const uid = idsIn(facts, 'Uid')[0] ?? -1;
  const kept = statusField(facts, uid === 0 ? 'CapEff' : 'CapAmb');
  const capabilities = BigInt(`0x${kept || '0'}`);
  return {
    uid,
    gid: idsIn(facts, 'Gid')[0] ?? -1,
    groups: idsIn(facts, 'Groups'),
    nice: niceIn(facts.get('stat') ?? ''),
    capabilities: isWholeHost(uids) ? capabilities : capabilities & ~hostOnly,
    hardLimits: hardLimitsIn(facts.get('limits') ?? ''),
    openFilesMax: Number(facts.get('nr_open') ?? 0),
    uids,
    gids: rangesOf(facts.get('gid_map') ?? ''),
  };
}

/** A field of `/proc/self/status`; empty where it is not told. */
export function statusField(facts: ProcFacts, name: string): string {
  const line = new RegExp(`^${name}:[ \t]*(.*)$`, 'm').exec(facts.get('status') ?? '');
  return line?.[1]?.trim() ?? '';
}

function idsIn(facts: ProcFacts, name: string): readonly number[] {
  return statusField(facts, name).split(/\s+/).filter(Boolean).map(Number);
}

/** The 19th field; the second is in parentheses and may hold anything. */
function niceIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[16] ?? 0);
}

function rangesOf(map: string): readonly IdRange[] {
  const lines = [...map.matchAll(/^\s*(\d+)\s+\d+\s+(\d+)\s*$/gm)];
  return lines.map(([, first, count]) => ({ first: Number(first), count: Number(count) }));
}

/** Only the first user namespace has all ids. */
function isWholeHost([range]: readonly IdRange[]): boolean {
  return range?.count === 0xffff_ffff;
}

/** In another user namespace these are held, but the kernel does not heed them. */
const hostOnly = capability.sysNice | capability.sysResource | capability.sysAdmin;

function hardLimitsIn(limits: string): Powers['hardLimits'] {
  const known = limitLines.flatMap(([name, line]) => {
    const hard = new RegExp(`^${line}\\s+\\S+\\s+(\\S+)`, 'm').exec(limits)?.[1];
    return hard === undefined
      ? []
      : [[name, hard === 'unlimited' ? Infinity : Number(hard)] as const];
  });
  return new Map(known);
}

const limitLines = [
  ['memory_bytes', 'Max address space'],
  ['cpu_seconds', 'Max cpu time'],
  ['open_files', 'Max open files'],
  ['processes', 'Max processes'],
  ['file_bytes', 'Max file size'],
] as const;
