import type { Outcome } from "../domain/outcome.ts";
import type { Run } from "../domain/run.ts";
import type { Task } from "../domain/task.ts";

/** What a supervisor tells whoever watches it. */
export type SupervisorEvent =
  | { readonly type: "started"; readonly task: Task; readonly starts: number; readonly lost: AbortSignal }
  | {
      readonly type: "finished";
      readonly task: Task;
      readonly outcome: Outcome;
      /** Null when the platform failed before there was a run. Its records are not told: a large output would be held for it. */
      readonly run: Pick<Run, "record" | "cacheKey"> | null;
      /** As it was stored. */
      readonly runId: string;
      /** Since when it was in the queue, when a slot took it, and when all of it was stored: Unix time. */
      readonly queuedAtMs: number;
      readonly startedMs: number;
      readonly storedMs: number;
      /** From being taken by a slot until the outcome, milliseconds. */
      readonly elapsedMs: number;
      /** When set, the task is run again after so many seconds. */
      readonly retryAfterSeconds: number | null;
    }
  /** What it needs was made ready, or could not be. Times are milliseconds of Unix time. */
  | {
      readonly type: "fetched";
      readonly task: Task;
      readonly queuedAtMs: number;
      readonly claimedMs: number;
      readonly startedMs: number;
      readonly endedMs: number;
      /** Null: it is ready. */
      readonly error: unknown;
    }
  /** What it needs cannot be had now: it goes back without having been begun. */
  | {
      readonly type: "deferred";
      readonly task: Task;
      readonly error: unknown;
      readonly retryAfterSeconds: number;
    }
  /** The claim was lost: another worker has the task, and this outcome was not stored. */
  | { readonly type: "refused"; readonly task: Task };
