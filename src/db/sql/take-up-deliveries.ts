import type { Connection } from "../database.ts";

/** A delivery with all that it needs. */
export interface TakenUp {
  readonly taskId: string;
  readonly runId: string;
  /** Which time this is that it was taken up; goes with everything that is written of it. */
  readonly attempt: number;
  /** Milliseconds of Unix time. */
  readonly queuedAtMs: number;
  /** Since when its task was in our queue, milliseconds of Unix time. */
  readonly taskQueuedAtMs: number;
  /** How long its task was in our hands until now, milliseconds, by the database's clock alone. */
  readonly taskAgeMs: number;
  /** A person had the task done again. */
  readonly retried: boolean;
  /** As `insertRuns` stored it; null: the run is known here. */
  readonly run: unknown;
  /** Bytes of its output; null: it has none. */
  readonly outputBytes: number | null;
  /** As `insertRuns` stored it; null: it has none, the run is known here, or it is large and has to be read by itself. */
  readonly output: string | null;
  /** Names of the steps that were made before. */
  readonly steps: readonly string[];
}

/** Larger outputs are not read for many deliveries at once. */
export const SMALL_OUTPUT_BYTES = 64 * 1024;

/** Takes up deliveries that are not settled: whoever took them up before can write no more. */
export async function takeUpDeliveries(
  connection: Connection,
  taskIds: readonly string[],
  knownRuns: readonly string[],
): Promise<readonly TakenUp[]> {
  return connection.query(
    `update whiskers.delivery
     set attempt = attempt + 1,
       take_up_ms = extract(epoch from clock_timestamp() - delivery.queued_at) * 1000
     from whiskers.task
     where delivery.task_id = any ($1::uuid[]) and delivery.state = 'pending' and task.id = delivery.task_id
     returning
       delivery.task_id as "taskId",
       run_id as "runId",
       attempt,
       (extract(epoch from delivery.queued_at) * 1000)::float8 as "queuedAtMs",
       (extract(epoch from task.queued_at) * 1000)::float8 as "taskQueuedAtMs",
       (extract(epoch from now() - task.queued_at) * 1000)::float8 as "taskAgeMs",
       task.retried_at is not null as retried,
       case when run_id = any ($2::uuid[]) then null
         else (select document from whiskers.run where run.id = run_id) end as run,
       case when run_id = any ($2::uuid[]) then null
         else (select octet_length(document::text) from whiskers.output where output.run_id = delivery.run_id)
         end as "outputBytes",
       case when run_id = any ($2::uuid[]) then null
         else (
           select document::text from whiskers.output
           where output.run_id = delivery.run_id and octet_length(document::text) <= ${SMALL_OUTPUT_BYTES}
         ) end as output,
       array (select step from whiskers.delivery_step where delivery_step.task_id = delivery.task_id) as steps`,
    [taskIds, knownRuns],
  );
}
