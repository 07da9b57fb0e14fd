import type { StoredRun } from "./delivery-plan.ts";

/** Of outputs as text: what waits for its delivery is in the database too, and can be read there. */
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_RUNS = 512;

/**
 * Runs that this process has stored, or is about to: whoever delivers them here needs not read them back from the
 * database. The oldest are let go when there are too many: another process may be delivering them.
 */
export class FreshRuns {
  readonly #runs = new Map<string, { readonly run: StoredRun; readonly bytes: number }>();
  #bytes = 0;

  put(runId: string, run: StoredRun, bytes: number): void {
    this.#runs.set(runId, { run, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#runs.keys()) {
      if (this.#bytes <= MOST_BYTES && this.#runs.size <= MOST_RUNS) break;
      this.forget(oldest);
    }
  }

  /** Of those that are there now. */
  ids(): readonly string[] {
    return [...this.#runs.keys()];
  }

  /** Null: it is not there (any more). */
  bytesOf(runId: string): number | null {
    return this.#runs.get(runId)?.bytes ?? null;
  }

  /** Gives it to whoever delivers it, and forgets it. Null: it is not there (any more). */
  take(runId: string): StoredRun | null {
    const found = this.#runs.get(runId);
    this.forget(runId);
    return found?.run ?? null;
  }

  forget(runId: string): void {
    this.#bytes -= this.#runs.get(runId)?.bytes ?? 0;
    this.#runs.delete(runId);
  }
}
