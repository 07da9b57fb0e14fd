import type { Connection } from "../database.ts";

/** Writes down steps that were made. Returns the ids of the deliveries that nobody else has taken up since. */
export async function recordSteps(
  connection: Connection,
  deliveries: readonly {
    readonly taskId: string;
    readonly attempt: number;
    readonly steps: readonly string[];
  }[],
): Promise<readonly string[]> {
  const rows = deliveries.flatMap(({ taskId, attempt, steps }) =>
    steps.map((step) => ({ taskId, attempt, step })),
  );
  const recorded = await connection.query<{ id: string }>(
    `with made as (
       select made.task_id, made.step
       from unnest($1::uuid[], $2::integer[], $3::text[]) as made (task_id, attempt, step)
       join whiskers.delivery on delivery.task_id = made.task_id and delivery.attempt = made.attempt
       where delivery.state = 'pending'
     ), recorded as (
       insert into whiskers.delivery_step (task_id, step) select task_id, step from made
       on conflict do nothing
     )
     select distinct task_id as id from made`,
    [rows.map(({ taskId }) => taskId), rows.map(({ attempt }) => attempt), rows.map(({ step }) => step)],
  );
  return recorded.map(({ id }) => id);
}
