import type { Connection } from "../database.ts";

/** Says that the results of these runs have to be delivered. */
export async function insertDeliveries(
  connection: Connection,
  runs: readonly { readonly id: string; readonly taskId: string }[],
): Promise<void> {
  await connection.query(
    `insert into whiskers.delivery (task_id, run_id)
     select task_id, run_id from unnest($1::uuid[], $2::uuid[]) as run (task_id, run_id)`,
    [runs.map(({ taskId }) => taskId), runs.map(({ id }) => id)],
  );
}
