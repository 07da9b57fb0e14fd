import type { Connection } from "../database.ts";

export type StateAfterRun = "delivering" | "succeeded" | "failed";

/** Writes what state tasks are in after their run; `succeeded` and `failed` are for good. */
export async function setTaskStates(
  connection: Connection,
  tasks: readonly { readonly id: string; readonly state: StateAfterRun }[],
): Promise<void> {
  if (tasks.length === 0) return;
  await connection.query(
    `update whiskers.task
     set state = done.state, settled_at = case when done.state = 'delivering' then null else now() end
     from unnest($1::uuid[], $2::text[]) as done (id, state)
     where task.id = done.id`,
    [tasks.map(({ id }) => id), tasks.map(({ state }) => state)],
  );
}
