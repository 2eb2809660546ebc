/** Work on a list, a few items at once. */

/**
 * Begins in the order of the list, and goes on with the next as soon as one is done. The first failure aborts the others and is
 * thrown when all have ended, so that nothing goes on behind the caller's back.
 * @param work is given the signal that says when to stop
 */
export async function eachAtOnce<T>(
  items: readonly T[],
  most: number,
  signal: AbortSignal | undefined,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const ended = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    while (next < items.length && !ended.aborted) {
      const item = items[next++] as T;
      try {
        await work(item, ended);
      } catch (error) {
        failure ??= { error };
        stop.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  if (failure) throw failure.error;
  signal?.throwIfAborted();
}
