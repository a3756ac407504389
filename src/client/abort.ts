/**
 * Lets one abort cause another; the result ends that. Unlike `AbortSignal.any`, which leaves
 * something behind at a signal that lives long.
 */
export function linkAbort(from: AbortSignal, to: AbortController): () => void {
  const onAbort = (): void => {
    to.abort();
  };
  if (from.aborted) onAbort();
  from.addEventListener('abort', onAbort, { once: true });
  return () => {
    from.removeEventListener('abort', onAbort);
  };
}

/** Waits; ends early, without a word, when one of the signals aborts. */
export function pause(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const stopped = new AbortController();
    const unlinks = signals.map((signal) => linkAbort(signal, stopped));
    const end = (): void => {
      clearTimeout(timer);
      for (const unlink of unlinks) unlink();
      resolve();
    };
    const timer = setTimeout(end, ms);
    if (stopped.signal.aborted) end();
    else stopped.signal.addEventListener('abort', end, { once: true });
  });
}

/** Aborts `ms` after `from` does, unless it is released before. */
export function abortLater(
  from: AbortSignal | undefined,
  ms: number,
): { readonly signal: AbortSignal; readonly release: () => void } {
  const later = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => {
      later.abort();
    }, ms);
  };
  from?.addEventListener('abort', onAbort, { once: true });
  return {
    signal: later.signal,
    release() {
      clearTimeout(timer);
      from?.removeEventListener('abort', onAbort);
    },
  };
}

/** The longest time that a timer can hold. */
export const timerMsMax = 2_147_483_647;
