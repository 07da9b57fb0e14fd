import type { DeliveryStep } from "../delivery/step.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { Task } from "../domain/task.ts";
import { WhiskersError } from "../errors.ts";
import type { Mula, MulaStatus } from "../intake/mula.ts";

/**
 * A run that was shorter than the first, of a task that was ours for less than the second, is not looked at before
 * its end is told: nobody has seen it, and it costs one request less. Milliseconds.
 */
const SHORT_RUN_MS = 100;
const SHORT_TASK_MS = 1000;

/** What is known of a task when its end is to be told. */
export interface TaskSoFar {
  /** How long it has been ours, milliseconds. */
  readonly ageMs: number;
  readonly runMs: number;
  /** A person had it done again: that it had failed before was our own word. */
  readonly retried: boolean;
  /** The delivery was begun before, here or elsewhere. */
  readonly triedBefore: boolean;
}

export interface StatusStepOptions {
  readonly mula: Mula;
  /** Resolves when nothing that this process says of a task in the meantime is still under way. */
  readonly quiet: (taskId: string) => Promise<void>;
  /** Somebody else has set the status meanwhile, and it stays. */
  readonly onLeft: (task: Task, status: MulaStatus) => void;
}

/**
 * Tells the scheduler how a task ended, unless somebody else has set its status meanwhile: a task that was cancelled
 * stays cancelled, as with OpenKAT's own worker.
 */
export function statusStep(
  task: Task,
  verdict: Outcome,
  so: TaskSoFar,
  { mula, quiet, onLeft }: StatusStepOptions,
): DeliveryStep {
  const status = verdict.status === "succeeded" ? "completed" : "failed";
  const plannedMs = performance.now();
  const isQuick = (): boolean =>
    !so.triedBefore &&
    !so.retried &&
    so.runMs < SHORT_RUN_MS &&
    so.ageMs + performance.now() - plannedMs < SHORT_TASK_MS;
  return {
    name: `mula/${status}`,
    async send(signal) {
      await quiet(task.id);
      if (!isQuick()) {
        const now = await mula.status(task.id, signal);
        if (now === null || now === status) return;
        if (!isOurs(now, so.retried)) {
          onLeft(task, now);
          return;
        }
      }
      await toldUnlessGone(mula.setStatus(task.id, status, signal));
    },
  };
}

/** Whether a status is one that we have set, or that the pop has. */
function isOurs(status: MulaStatus, retried: boolean): boolean {
  return status === "dispatched" || status === "running" || (retried && status === "failed");
}

/** A scheduler that does not know the task (any more) needs not be told. */
async function toldUnlessGone(told: Promise<void>): Promise<void> {
  try {
    await told;
  } catch (error) {
    if (!(error instanceof WhiskersError) || error.code !== "upstream-refused") throw error;
  }
}
