import { setTimeout as delay } from "node:timers/promises";

import { WhiskersError } from "../errors.ts";

export interface RetryPolicy {
  /** Tries in all. */
  readonly attempts: number;
  /** The first wait is up to this long; each later one up to twice the one before. Milliseconds. */
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * Tries again what may succeed later: errors whose row in `src/errors.ts` says `retryable`, but for
 * `cancelled`. Waits are random up to a bound that doubles (full jitter), so that many processes
 * that failed together do not come back together.
 * @throws the last error; at once the first that is not retryable
 */
export async function retrying<T>(
  policy: RetryPolicy,
  signal: AbortSignal,
  attempt: (number: number) => Promise<T>,
): Promise<T> {
  for (let number = 1; ; number += 1) {
    try {
      return await attempt(number);
    } catch (error) {
      if (number >= policy.attempts || signal.aborted || !mayHelp(error)) throw error;
      const boundMs = Math.min(policy.capMs, policy.baseMs * 2 ** (number - 1));
      try {
        await delay(Math.random() * boundMs, undefined, { signal });
      } catch {
        throw error;
      }
    }
  }
}

function mayHelp(error: unknown): boolean {
  return error instanceof WhiskersError && error.row.retryable && error.code !== "cancelled";
}
