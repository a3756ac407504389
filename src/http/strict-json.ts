import { isUtf8 } from 'node:buffer';
import { ProcessionError } from '../errors.ts';

/**
 * Parses a body as JSON text of RFC 8259 and nothing else: invalid UTF-8, half a surrogate
 * pair, a doubled member and a member named `__proto__` are refused. Undefined for an empty body.
 */
export function parseStrictJson(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  if (!isUtf8(body)) throw new ProcessionError('invalid_json', 'the body is not valid UTF-8');
  const text = body.toString('utf8');
  const value = parse(text);
  refuseAmbiguity(text);
  return value;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unreadable';
    throw new ProcessionError('invalid_json', `the body is not JSON: ${reason.slice(0, 200)}`);
  }
}

/** Strings, brackets and colons of a text that is known to be JSON. */
const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

/** An escape of half a surrogate pair, perhaps of a whole one. */
const surrogate = /\\u[dD][89a-fA-F]/;

function refuseAmbiguity(text: string): void {
  const open: (Set<string> | null)[] = [];
  let lastString = '';
  for (const [token] of text.matchAll(tokens)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(null);
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') addMember(open.at(-1), lastString);
    else lastString = wellFormed(token);
  }
}

/** Half a surrogate pair is no character, so no bytes would say what was meant. */
function wellFormed(quoted: string): string {
  if (!surrogate.test(quoted) || String(JSON.parse(quoted)).isWellFormed()) return quoted;
  throw new ProcessionError('invalid_json', 'a text holds half a surrogate pair');
}

function addMember(members: Set<string> | null | undefined, quoted: string): void {
  const name = String(JSON.parse(quoted));
  if (name === '__proto__' || members?.has(name) === true) {
    const fault = name === '__proto__' ? 'is not allowed' : 'appears twice';
    throw new ProcessionError('invalid_json', `the member ${quoted.slice(0, 80)} ${fault}`);
  }
  members?.add(name);
}
