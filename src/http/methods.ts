interface KnownPath {
  readonly pattern: RegExp;
  readonly methods: Set<string>;
}

/** The methods of every registered path, for 405 and its `Allow`. */
export class MethodTable {
  readonly #paths = new Map<string, KnownPath>();

  /** Takes a route as it is registered; `url` may hold `:parameters`. */
  add(url: string, method: string | readonly string[]): void {
    const path = this.#paths.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() };
    for (const name of [method].flat()) path.methods.add(name);
    this.#paths.set(url, path);
  }

  /** The methods that a requested URL answers, sorted; none when no route has it. */
  allowed(url: string): string[] {
    const path = url.split('?', 1).join('');
    const matches = [...this.#paths.values()].filter(({ pattern }) => pattern.test(path));
    return [...new Set(matches.flatMap(({ methods }) => [...methods]))].sort();
  }
}

function patternOf(url: string): RegExp {
  const parts = url
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : RegExp.escape(part)));
  return new RegExp(`^${parts.join('/')}$`);
}
