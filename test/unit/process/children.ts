import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import type { StreamName } from '../../../src/log/event.ts';
import { chooseSpawner } from '../../../src/process/choose-spawner.ts';
import { childEnvironment } from '../../../src/process/environment.ts';
import type { Child, Spawner, SpawnRequest, WaitStatus } from '../../../src/process/spawner.ts';
import { eventually } from '../../support/eventually.ts';

/** A child under test; its group is killed when the test is over. */
export interface StartedChild extends Child {
  readonly incarnation: string;
  readonly stdout: Readable;
  readonly stderr: Readable;
}

/** A request for a program with the marker of a fresh tree. */
export function request(
  argv: readonly string[],
  changes: Partial<SpawnRequest> = {},
): SpawnRequest & { incarnation: string } {
  const incarnation = crypto.randomUUID();
  const env = childEnvironment({ base: process.env, marker: incarnation });
  const pipes = { pipeStdin: false, terminal: null };
  return { argv, arg0: undefined, cwd: '/', env, ...pipes, incarnation, ...changes };
}

/** Starts a child with pipes, by default with the spawner that the service takes here. */
export async function start(
  argv: readonly string[],
  changes: Partial<SpawnRequest> = {},
  spawner?: Spawner,
): Promise<StartedChild> {
  const { incarnation, ...asked } = request(argv, changes);
  const child = await (spawner ?? (await chooseSpawner('auto')).spawner).spawn(asked);
  onTestFinished(() => {
    killQuietly(-child.pid);
  });
  const stdout = outputOf(child, 'stdout');
  const stderr = outputOf(child, 'stderr');
  return { ...child, incarnation, stdout, stderr };
}

/** An output of a child; fails when there is no such one. */
export function outputOf(child: Child, name: StreamName): Readable {
  const output = child.outputs.get(name);
  if (output === undefined) throw new Error(`there is no ${name}`);
  return output;
}

/** Runs a script of `sh`. */
export function startScript(
  script: string,
  changes: Partial<SpawnRequest> = {},
  spawner?: Spawner,
): Promise<StartedChild> {
  return start(['sh', '-c', script], changes, spawner);
}

/** All that a child writes and how it ends. */
export async function outcomeOf({
  stdout,
  stderr,
  exit,
}: StartedChild): Promise<{ stdout: string; stderr: string; status: WaitStatus }> {
  const [out, err, status] = await Promise.all([buffer(stdout), buffer(stderr), exit]);
  return { stdout: out.toString(), stderr: err.toString(), status };
}

/** Reads the numbers that a script prints on its first line, leaving the stream open. */
export async function printedNumbers({ stdout }: StartedChild): Promise<readonly number[]> {
  let text = '';
  stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const line = await eventually(
    () => text,
    (seen) => seen.includes('\n'),
  );
  return line.trim().split(' ').map(Number);
}

/** Whether a process is there and no zombie. */
export function isAlive(pid: number): boolean {
  const state = stateOf(pid);
  return state !== null && state !== 'Z' && state !== 'X';
}

/** The letter of a process state, null when there is no such process. */
export function stateOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).slice(0, 1);
  } catch {
    return null;
  }
}

/** Kills a process, or a group when negative; whoever is gone already is fine. */
export function killQuietly(target: number): void {
  try {
    process.kill(target, 'SIGKILL');
  } catch {
    // Gone.
  }
}
