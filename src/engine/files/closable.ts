/** What holds descriptors until it is closed. */
export interface Closable {
  close(): void;
}

/** Closes all, the newest first. */
export function closeAll(opened: readonly Closable[]): void {
  for (const part of opened.toReversed()) part.close();
}
