import type { Outcome } from "../domain/outcome.ts";
import type { Run } from "../domain/run.ts";
import type { Task } from "../domain/task.ts";

/** What a supervisor tells whoever watches it. */
export type SupervisorEvent =
  | { readonly type: "started"; readonly task: Task; readonly starts: number }
  | {
      readonly type: "finished";
      readonly task: Task;
      readonly outcome: Outcome;
      /** Null when the platform failed before there was a run. */
      readonly run: Run | null;
      /** From being taken by a slot until the outcome, milliseconds. */
      readonly elapsedMs: number;
      /** When set, the task is run again after so many seconds. */
      readonly retryAfterSeconds: number | null;
    }
  /** The claim was lost: another worker has the task, and this outcome was not stored. */
  | { readonly type: "refused"; readonly task: Task };
