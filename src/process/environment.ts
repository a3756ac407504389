import type { EnvPolicy } from '../exec-types.ts';
import { matchesGlob } from './glob.ts';

/** The variable that every child has and by which its tree is found; no caller can change it. */
export const markerVariable = 'PROCESS_TREE_ID';

/** What the environment of a child is made of. */
export interface EnvironmentSources {
  /** The service's own variables. */
  readonly base: Readonly<Record<string, string | undefined>>;
  readonly policy?: EnvPolicy | undefined;
  /** Laid over what is inherited; null removes. */
  readonly overlay?: Readonly<Record<string, string | null>> | undefined;
  /** The value of {@link markerVariable}. */
  readonly marker: string;
}

/**
 * The variables of a child, each an own property, whatever its name. The service's own
 * settings and what configures Node are never inherited.
 */
export function childEnvironment({
  base,
  policy = {},
  overlay = {},
  marker,
}: EnvironmentSources): Readonly<Record<string, string>> {
  const variables = new Map<string, string>();
  for (const [name, value] of Object.entries(base)) {
    if (value !== undefined && isInherited(name, policy)) variables.set(name, value);
  }
  for (const [name, value] of Object.entries(overlay)) {
    if (value === null) variables.delete(name);
    else variables.set(name, value);
  }
  variables.set(markerVariable, marker);
  return Object.fromEntries(variables);
}

function isInherited(name: string, policy: EnvPolicy): boolean {
  const { inherit = 'core', exclude = [], include_only: includeOnly = [] } = policy;
  if (name.startsWith('PROCESSION_') || name.startsWith('NODE_')) return false;
  if (inherit === 'none' || (inherit === 'core' && !isCore(name))) return false;
  if (exclude.some((glob) => matchesGlob(name, glob))) return false;
  return includeOnly.length === 0 || includeOnly.some((glob) => matchesGlob(name, glob));
}

function isCore(name: string): boolean {
  return core.has(name) || name.startsWith('LC_');
}

const core: ReadonlySet<string> = new Set([
  'PATH',
  'HOME',
  'LANG',
  'TZ',
  'USER',
  'LOGNAME',
  'SHELL',
  'TMPDIR',
  'TERM',
]);
