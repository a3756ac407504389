import { readlinkSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { ProcessionError } from '../../errors.ts';
import type { ProcFacts } from './powers.ts';
import { contradiction } from './runner-claims.ts';
import { factsOf, probeArgv, probeExitCode, probeStderr } from './runner-probe.ts';
import type { Child, Spawner, SpawnRequest, WaitStatus } from '../spawner.ts';

/** A runner, and what it is tested with. */
export interface RunnerTest {
  readonly spawner: Spawner;
  /** Not empty. */
  readonly runner: readonly string[];
  readonly claims: readonly string[];
  readonly cwd: string;
  readonly env: SpawnRequest['env'];
  /** How long the runner may take; default 20 s. */
  readonly msMax?: number;
}

/**
 * Runs a probe behind a runner. Resolves with what it saw; rejects with one sentence when the
 * runner does not pass on what a process gives and takes, or is not what is claimed.
 */
export async function testRunner(test: RunnerTest): Promise<ProcFacts> {
  const { stdout, stderr, status } = await runProbe(test);
  const facts = factsOf(stdout);
  const seen = { facts, stderr, status };
  if (!isPassedOn(seen)) throw refusal(`the probe behind it ${describe(seen)}`);
  const descriptors = seen.facts.get('descriptors') ?? '';
  if (descriptors !== '0 1 2') {
    throw refusal(
      `a command must have the descriptors 0 1 2 alone, and has ${descriptors || 'none'}`,
    );
  }
  const own = { pid: linkOf('pid'), net: linkOf('net') };
  for (const claim of test.claims) {
    const contrary = contradiction(claim, seen.facts, own);
    if (contrary === null) continue;
    throw new Error(`PROCESSION_RUNNER_CLAIMS has ${claim}, and behind the runner was ${contrary}`);
  }
  return seen.facts;
}

function refusal(reason: string): Error {
  return new Error(`PROCESSION_RUNNER cannot be used: ${reason}`);
}

interface Probed {
  readonly facts: ProcFacts | null;
  readonly stderr: string;
  readonly status: WaitStatus;
}

function isPassedOn(seen: Probed): seen is Probed & { readonly facts: ProcFacts } {
  return (
    seen.facts !== null && seen.stderr === probeStderr && seen.status.exit_code === probeExitCode
  );
}

function describe({ facts, stderr, status: { exit_code, signal } }: Probed): string {
  const said = JSON.stringify(stderr.slice(0, textMax));
  if (exit_code !== probeExitCode) {
    const end = `ended with ${signal ?? `exit code ${String(exit_code)}`}`;
    return `${end}, not with its exit code ${probeExitCode}; standard error was ${said}`;
  }
  if (facts === null) return 'did not get its arguments or its standard output through unchanged';
  return `did not get its standard error through unchanged: ${said}`;
}

/** Most characters of an output that are told. */
const textMax = 200;

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: WaitStatus;
}

async function runProbe({
  spawner,
  runner,
  cwd,
  env,
  msMax = 20_000,
}: RunnerTest): Promise<Outcome> {
  const argv = [...runner, ...probeArgv];
  const request = { argv, arg0: undefined, cwd, env, pipeStdin: false, terminal: null };
  const child = await spawner.spawn(request).catch((error: unknown) => {
    throw refusal(error instanceof ProcessionError ? error.message : String(error));
  });
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(refusal(`the probe behind it was not over after ${msMax} ms`));
  }, msMax);
  try {
    return await Promise.race([outcomeOf(child), late.promise]);
  } finally {
    clearTimeout(timer);
    killGroup(child.pid);
    for (const output of child.outputs.values()) output.destroy();
  }
}

async function outcomeOf({ outputs, exit }: Child): Promise<Outcome> {
  const [stdout, stderr, status] = await Promise.all([
    textOf(outputs.get('stdout')),
    textOf(outputs.get('stderr')),
    exit,
  ]);
  return { stdout, stderr, status };
}

/** One character for each byte; what is too long is no probe's. */
async function textOf(output: Readable | undefined): Promise<string> {
  let text = '';
  for await (const chunk of output ?? []) {
    if (Buffer.isBuffer(chunk) && text.length < outputBytesMax) text += chunk.toString('latin1');
  }
  return text;
}

const outputBytesMax = 1024 * 1024;

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

function linkOf(namespace: string): string {
  try {
    return readlinkSync(`/proc/self/ns/${namespace}`);
  } catch {
    return '';
  }
}
