import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { childEnvironment } from '../../../src/process/environment.ts';
import { execaSpawner } from '../../../src/process/spawn-execa.ts';
import type { Child, SpawnRequest, WaitStatus } from '../../../src/process/spawner.ts';
import { eventually } from '../../support/eventually.ts';

/** A child under test; its group is killed when the test is over. */
export interface StartedChild extends Child {
  readonly incarnation: string;
}

/** A request for a program with the marker of a fresh tree. */
export function request(
  argv: readonly string[],
  changes: Partial<SpawnRequest> = {},
): SpawnRequest & { incarnation: string } {
  const incarnation = crypto.randomUUID();
  const env = childEnvironment({ base: process.env, marker: incarnation });
  return { argv, arg0: undefined, cwd: '/', env, pipeStdin: false, incarnation, ...changes };
}

export async function start(
  argv: readonly string[],
  changes: Partial<SpawnRequest> = {},
): Promise<StartedChild> {
  const { incarnation, ...asked } = request(argv, changes);
  const child = await execaSpawner.spawn(asked);
  onTestFinished(() => {
    killQuietly(-child.pid);
  });
  return { ...child, incarnation };
}

/** Runs a script of `sh`. */
export function startScript(
  script: string,
  changes: Partial<SpawnRequest> = {},
): Promise<StartedChild> {
  return start(['sh', '-c', script], changes);
}

/** All that a child writes and how it ends. */
export async function outcomeOf(
  child: Child,
): Promise<{ stdout: string; stderr: string; status: WaitStatus }> {
  const [stdout, stderr, status] = await Promise.all([
    buffer(child.stdout),
    buffer(child.stderr),
    child.exit,
  ]);
  return { stdout: stdout.toString(), stderr: stderr.toString(), status };
}

/** Reads the numbers that a script prints on its first line, leaving the stream open. */
export async function printedNumbers(child: Child): Promise<readonly number[]> {
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
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
