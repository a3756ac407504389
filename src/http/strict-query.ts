import { parseDecimal } from '../log/cursor.ts';

/** The schema of a query, as far as reading one needs it. */
export interface QuerySchema {
  readonly properties?: Readonly<Record<string, { readonly type?: unknown } | undefined>>;
}

/**
 * Gives the texts of a query the types of their schema: strict decimals, `true` and `false`,
 * and lists. A text that is none stays as it is, so that validation names it; nothing is
 * rounded, clamped or trimmed.
 */
export function readQuery(schema: QuerySchema, query: unknown): Record<string, unknown> {
  const members = typeof query === 'object' && query !== null ? query : {};
  return Object.fromEntries(
    Object.entries(members).map(([name, text]) => [name, readValue(typeOf(schema, name), text)]),
  );
}

function typeOf({ properties = {} }: QuerySchema, name: string): unknown {
  return Object.hasOwn(properties, name) ? properties[name]?.type : undefined;
}

function readValue(type: unknown, text: unknown): unknown {
  if (type === 'array') return listOf(text);
  if (typeof text !== 'string') return text;
  if (type === 'integer') return parseDecimal(text) ?? text;
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

function listOf(value: unknown): unknown[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list;
}
