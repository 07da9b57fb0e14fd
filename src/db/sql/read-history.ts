import type { Task } from "../../domain/task.ts";
import type { Connection } from "../database.ts";
import type { TaskState } from "./task-states.ts";

/** All that is known of one task. Times are ISO 8601. */
export interface History {
  readonly task: Task;
  readonly state: TaskState;
  /** How often a worker has begun it since it was queued last. */
  readonly starts: number;
  readonly queuedAt: string;
  readonly settledAt: string | null;
  /** Oldest first. */
  readonly runs: readonly HistoryRun[];
  /** Of its last run; null: nothing of it has to arrive anywhere yet. */
  readonly delivery: HistoryDelivery | null;
}

export interface HistoryRun {
  readonly id: string;
  readonly normalizer: string;
  readonly status: "succeeded" | "failed";
  readonly code: string | null;
  readonly finishedAt: string;
  /** From the outcome until it was stored, milliseconds; null: not kept. */
  readonly storeMs: number | null;
  /** As `insertRuns` stored them; no output: it was delivered, or there was none. */
  readonly document: unknown;
  readonly output: unknown;
}

export interface HistoryDelivery {
  readonly runId: string;
  readonly state: "pending" | "delivered" | "failed";
  /** How often it was taken up. */
  readonly attempts: number;
  readonly code: string | null;
  readonly message: string | null;
  /** Until it was taken up, the work on it, until that was written; milliseconds, of the last attempt. Null: not (yet) known. */
  readonly takeUpMs: number | null;
  readonly deliverMs: number | null;
  readonly settleMs: number | null;
  /** In the order in which they were made; `worker`: host and process id, where that is known. */
  readonly steps: readonly {
    readonly step: string;
    readonly doneAt: string;
    readonly worker: string | null;
  }[];
}

const TIME = `'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`;

/** Null: there is no such task. */
export async function readHistory(connection: Connection, taskId: string): Promise<History | null> {
  const rows = await connection.query<History>(
    `select
       task.document as task,
       task.state,
       task.starts,
       to_char(task.queued_at at time zone 'UTC', ${TIME}) as "queuedAt",
       to_char(task.settled_at at time zone 'UTC', ${TIME}) as "settledAt",
       coalesce((
         select json_agg(json_build_object(
           'id', run.id,
           'normalizer', run.normalizer,
           'status', run.status,
           'code', run.code,
           'finishedAt', to_char(run.finished_at at time zone 'UTC', ${TIME}),
           'storeMs', run.store_ms,
          'document', run.document,
           'output', output.document
         ) order by run.finished_at, run.id)
         from whiskers.run left join whiskers.output on output.run_id = run.id
         where run.task_id = task.id
       ), '[]'::json) as runs,
       (
         select json_build_object(
           'runId', delivery.run_id,
           'state', delivery.state,
           'attempts', delivery.attempt,
           'code', delivery.code,
           'message', delivery.message,
           'takeUpMs', delivery.take_up_ms,
           'deliverMs', delivery.deliver_ms,
           'settleMs', delivery.settle_ms,
           'steps', coalesce((
             select json_agg(json_build_object(
               'step', step, 'doneAt', to_char(done_at at time zone 'UTC', ${TIME}), 'worker', worker
             ) order by done_at, step)
             from whiskers.delivery_step where delivery_step.task_id = task.id
           ), '[]'::json)
         )
         from whiskers.delivery where delivery.task_id = task.id
       ) as delivery
     from whiskers.task where task.id = $1::uuid`,
    [taskId],
  );
  return rows[0] ?? null;
}
