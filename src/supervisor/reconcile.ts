import type { LocalQueue } from "../intake/local-queue.ts";
import type { Mula } from "../intake/mula.ts";

export interface ReconcileOptions {
  readonly mula: Mula;
  readonly queue: LocalQueue;
  readonly normalizerIds: readonly string[];
  /** Tasks that were popped less long ago are left alone, milliseconds. */
  readonly afterMs: number;
  readonly signal: AbortSignal;
}

export interface Reconciled {
  /** Popped by somebody who did not live to write it down: queued again. */
  readonly requeued: readonly string[];
  /** Over, and the scheduler did not know: told again. */
  readonly told: readonly string[];
}

/**
 * Compares what the scheduler says of tasks that were popped a while ago with what is known here. Mula has no
 * lease and no timeout: a task that was popped by a process that died at once stays `dispatched` for ever.
 * @throws WhiskersError `upstream-unavailable`, `upstream-refused`, `cancelled`; the database's error
 */
export async function reconcile(options: ReconcileOptions): Promise<Reconciled> {
  const { mula, queue, normalizerIds, afterMs, signal } = options;
  const before = new Date(Date.now() - afterMs).toISOString();
  const requeued: string[] = [];
  const told: string[] = [];
  for (const status of ["dispatched", "running"] as const) {
    const ids = await mula.listOlder(normalizerIds, status, before, signal);
    const known = await queue.states(ids);
    for (const id of ids) {
      const state = known.get(id);
      if (state === "succeeded" || state === "failed") {
        await mula.setStatus(id, state === "succeeded" ? "completed" : "failed", signal);
        told.push(id);
      } else if (state === undefined && (await isStillLost(id, status, options))) {
        await mula.setStatus(id, "queued", signal);
        requeued.push(id);
      }
    }
  }
  return { requeued, told };
}

/** The list may be old by now: somebody who was stopped may have gone on. */
async function isStillLost(
  id: string,
  status: "dispatched" | "running",
  { mula, queue, signal }: ReconcileOptions,
): Promise<boolean> {
  if ((await mula.status(id, signal)) !== status) return false;
  return !(await queue.states([id])).has(id);
}
