/**
 * Does something to each of several things, so many at a time. The first failure cuts the others off, and is
 * thrown when all have ended.
 */
export async function inParallel<T>(
  width: number,
  things: readonly T[],
  signal: AbortSignal,
  work: (thing: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const within = AbortSignal.any([signal, failed.signal]);
  const ahead = things.values();
  let first: { readonly error: unknown } | null = null;
  const lane = async (): Promise<void> => {
    for (const thing of ahead) {
      if (within.aborted) return;
      try {
        await work(thing, within);
      } catch (error) {
        first ??= { error };
        failed.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, things.length) }, lane));
  const failure = first as { readonly error: unknown } | null;
  if (failure !== null) throw failure.error;
  signal.throwIfAborted();
}
