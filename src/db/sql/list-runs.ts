import type { Connection } from "../database.ts";
import type { TaskState } from "./task-states.ts";

export interface RunFilter {
  readonly failedOnly: boolean;
  readonly normalizer: string | null;
}

export interface ListedRun {
  readonly id: string;
  readonly taskId: string;
  readonly normalizer: string;
  readonly status: "succeeded" | "failed";
  readonly code: string | null;
  /** Of the task now: it may have been queued again since. */
  readonly taskState: TaskState;
  /** ISO 8601. */
  readonly finishedAt: string;
  /** Says exactly where this one stands, for the next page. */
  readonly position: string;
  /** As `insertRuns` stored it. */
  readonly document: unknown;
  /** Why its delivery failed; null: it did not. */
  readonly deliveryMessage: string | null;
}

/** Up to `limit` runs, newest first; `after`: those that are older than the run `after`. */
export function listRuns(
  connection: Connection,
  { failedOnly, normalizer }: RunFilter,
  limit: number,
  after: ListedRun | null,
): Promise<readonly ListedRun[]> {
  return connection.query(
    `select
       run.id,
       run.task_id as "taskId",
       run.normalizer,
       run.status,
       run.code,
       task.state as "taskState",
       to_char(run.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "finishedAt",
       run.finished_at::text as position,
       run.document,
       delivery.message as "deliveryMessage"
     from whiskers.run
     join whiskers.task on task.id = run.task_id
     left join whiskers.delivery on delivery.run_id = run.id and delivery.state = 'failed'
     where (not $1::boolean or run.status = 'failed')
       and ($2::text is null or run.normalizer = $2)
       and ($4::timestamptz is null or (run.finished_at, run.id) < ($4::timestamptz, $5::uuid))
     order by run.finished_at desc, run.id desc
     limit $3`,
    [failedOnly, normalizer, limit, after?.position ?? null, after?.id ?? null],
  );
}
