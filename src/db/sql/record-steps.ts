import type { Connection } from "../database.ts";

/** A step that was made. */
export interface MadeStep {
  readonly name: string;
  /** By `performance.now()` of this process. */
  readonly madeMs: number;
}

/** Writes down steps that were made, by whom and when. Returns the ids of the deliveries that nobody else has taken up since. */
export async function recordSteps(
  connection: Connection,
  deliveries: readonly {
    readonly taskId: string;
    readonly attempt: number;
    readonly steps: readonly MadeStep[];
  }[],
  worker: string,
): Promise<readonly string[]> {
  const nowMs = performance.now();
  const rows = deliveries.flatMap(({ taskId, attempt, steps }) =>
    steps.map(({ name, madeMs }) => ({ taskId, attempt, step: name, agoMs: nowMs - madeMs })),
  );
  const recorded = await connection.query<{ id: string }>(
    `with made as (
       select made.task_id, made.step, made.ago_ms
       from unnest($1::uuid[], $2::integer[], $3::text[], $4::float8[])
         as made (task_id, attempt, step, ago_ms)
       join whiskers.delivery on delivery.task_id = made.task_id and delivery.attempt = made.attempt
       where delivery.state = 'pending'
     ), recorded as (
       insert into whiskers.delivery_step (task_id, step, worker, done_at)
       select task_id, step, $5, clock_timestamp() - ago_ms * interval '1 millisecond' from made
       on conflict do nothing
     )
     select distinct task_id as id from made`,
    [
      rows.map(({ taskId }) => taskId),
      rows.map(({ attempt }) => attempt),
      rows.map(({ step }) => step),
      rows.map(({ agoMs }) => agoMs),
      worker,
    ],
  );
  return recorded.map(({ id }) => id);
}
