/**
 * Whether a name matches a glob of `*` (any characters, also none) and `?` (one character),
 * without regard to case. Takes at most name length × glob length steps, whatever the glob.
 */
export function matchesGlob(name: string, glob: string): boolean {
  const characters = Array.from(name.toLowerCase());
  const pattern = Array.from(glob.toLowerCase());
  let at = 0;
  let inPattern = 0;
  let star: { readonly inPattern: number; at: number } | null = null;
  while (at < characters.length) {
    const wanted = pattern[inPattern];
    if (wanted === '*') {
      star = { inPattern, at };
      inPattern += 1;
    } else if (wanted === '?' || wanted === characters[at]) {
      inPattern += 1;
      at += 1;
    } else if (star !== null) {
      // The last star takes one character more; earlier ones need not be tried again.
      star.at += 1;
      at = star.at;
      inPattern = star.inPattern + 1;
    } else {
      return false;
    }
  }
  return pattern.slice(inPattern).every((character) => character === '*');
}
