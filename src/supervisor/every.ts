import { setTimeout as sleep } from "node:timers/promises";

export interface EveryOptions {
  readonly ms: number;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
  /** Whether it is done at once for the first time; default: after `ms`. */
  readonly atOnce?: boolean;
  /** Of all time, what it may take: what takes longer is done more seldom. Default: all. */
  readonly mostShare?: number;
}

/** Does it again and again until the signal aborts; what fails, however, is told and done again the next time. */
export async function every(
  { ms, signal, onError, atOnce = false, mostShare = 1 }: EveryOptions,
  work: () => Promise<void>,
): Promise<void> {
  let waitMs = atOnce ? 0 : ms;
  for (;;) {
    if (waitMs > 0) await sleep(waitMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    const startedMs = performance.now();
    try {
      await work();
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
    waitMs = Math.max(ms, (performance.now() - startedMs) / mostShare);
  }
}
