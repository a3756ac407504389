/** The name of the system error behind an error, for instance `ENOENT`; undefined if none is. */
export function errnoOf(error: unknown): string | undefined {
  const code = codeOf(error);
  return code !== undefined && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

/** What Node calls an error, be it of the system or its own; undefined if it has no name. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
