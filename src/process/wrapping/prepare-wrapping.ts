import { accessSync, constants, readFileSync } from 'node:fs';
import { childEnvironment } from '../environment.ts';
import type { ProcFacts } from './powers.ts';
import { powerFiles, powersOf } from './powers.ts';
import type { Spawner } from '../spawner.ts';
import { testRunner } from './test-runner.ts';
import type { Wrapping } from './wrap.ts';
import { findTools } from './wrappers.ts';

/** What the operator has set. */
export interface WrappingSettings {
  /** Empty: none. */
  readonly runner: readonly string[];
  readonly claims: readonly string[];
  /** Where the runner is tested. */
  readonly cwd: string;
  /** The service's own variables. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Finds the tools, and what a program may do: behind the runner, if there is one. Rejects
 * with one sentence when the runner fails its test.
 */
export async function prepareWrapping(
  spawner: Spawner,
  { runner, claims, cwd, environment }: WrappingSettings,
): Promise<Wrapping> {
  const ownVariables = ownPlaces(environment);
  if (runner.length === 0) {
    return { runner, tools: findTools(isExecutable), powers: powersOf(ownFacts()), ownVariables };
  }
  const env = childEnvironment({ base: environment, marker: `runner-test-${process.pid}` });
  const facts = await testRunner({ spawner, runner, claims, cwd, env });
  const there = new Set(facts.get('tools')?.split('\n'));
  const tools = findTools((path) => there.has(path));
  if (!tools.has('env')) {
    throw new Error(
      'PROCESSION_RUNNER cannot be used: behind it is neither /usr/bin/env nor /bin/env',
    );
  }
  return { runner, tools, powers: powersOf(withHost(facts)), ownVariables };
}

/** Where the operator's runner looks for programs and for its settings. */
function ownPlaces({ PATH, HOME }: WrappingSettings['environment']): Record<string, string> {
  return { ...(PATH !== undefined && { PATH }), ...(HOME !== undefined && { HOME }) };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function ownFacts(): ProcFacts {
  return withHost(new Map(powerFiles.map((name) => [name, textOf(`/proc/self/${name}`)])));
}

/** What holds for the whole host and is in no file of a process. */
function withHost(facts: ProcFacts): ProcFacts {
  return new Map([...facts, ['nr_open', textOf('/proc/sys/fs/nr_open')]]);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
