/**
 * The pieces of a body, asked for one by one. Ends early when the signal aborts, also while
 * a piece is awaited. A body that is left before its end is told so by `return`.
 */
export async function* piecesUntil(
  chunk: Uint8Array | AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (chunk instanceof Uint8Array) {
    yield chunk;
    return;
  }
  const iterator = chunk[Symbol.asyncIterator]();
  let isAtEnd = false;
  try {
    for (;;) {
      const next = await unlessAborted(iterator.next(), signal);
      if (next === 'aborted') return;
      if (next.done === true) {
        isAtEnd = true;
        return;
      }
      yield next.value;
    }
  } finally {
    if (!isAtEnd) void abandon(iterator);
  }
}

/** Not a race: each race would leave a reaction behind for as long as the signal lives. */
function unlessAborted<Result>(
  work: Promise<Result>,
  signal: AbortSignal,
): Promise<Result | 'aborted'> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      resolve('aborted');
    };
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort);
    });
  });
}

/** Not waited for: a generator that still awaits its next piece answers only after that. */
async function abandon(iterator: AsyncIterator<Uint8Array>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // Nobody is left who would want to know.
  }
}
