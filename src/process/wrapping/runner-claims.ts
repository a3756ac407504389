import type { ProcFacts } from './powers.ts';
import { statusField } from './powers.ts';

/** The namespaces of the service. */
export interface OwnNamespaces {
  readonly pid: string;
  readonly net: string;
}

/** What was seen behind a runner that is not as a claim says; null: it is. */
export function contradiction(claim: string, facts: ProcFacts, own: OwnNamespaces): string | null {
  switch (claim) {
    case 'pid_namespace':
      return otherNamespace(facts.get('pid_namespace'), own.pid);
    case 'no_network':
      return otherNamespace(facts.get('net_namespace'), own.net) ?? onlyLoopback(facts);
    case 'no_new_privs':
      return fieldsAre(facts, ['NoNewPrivs'], /^1$/);
    case 'no_capabilities':
      return noCapabilities(facts);
    default:
      return fieldsAre(facts, ['Uid'], new RegExp(`^(${claim.slice('uid='.length)}(\\s+|$)){4}$`));
  }
}

function otherNamespace(seen: string | undefined, own: string): string | null {
  if (seen === undefined || seen === '') return 'no namespace that could be told';
  return seen === own ? `${seen}, which is the service’s own` : null;
}

/** A namespace of its own may have a way out. */
function onlyLoopback(facts: ProcFacts): string | null {
  const lines = facts.get('net/dev') ?? '';
  const names = [...lines.matchAll(/^\s*([^\s|:]+):/gm)].map(([, name = '']) => name);
  const others = names.filter((name) => name !== 'lo');
  return others.length === 0 ? null : `the interface ${others.join(', ')}`;
}

/** What is in the bounding set a set-user-ID program could still get, without no_new_privs. */
function noCapabilities(facts: ProcFacts): string | null {
  const isForGood = statusField(facts, 'NoNewPrivs') === '1';
  const sets = ['CapInh', 'CapPrm', 'CapEff', 'CapAmb', ...(isForGood ? [] : ['CapBnd'])];
  return fieldsAre(facts, sets, /^0+$/);
}

function fieldsAre(facts: ProcFacts, names: readonly string[], wanted: RegExp): string | null {
  for (const name of names) {
    const value = statusField(facts, name);
    if (!wanted.test(value))
      return `${name} ${value === '' ? 'untold' : value.replaceAll(/\s+/g, ' ')}`;
  }
  return null;
}
