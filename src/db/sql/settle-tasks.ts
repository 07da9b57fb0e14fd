import type { Connection } from "../database.ts";

/** Writes the end of tasks: `succeeded` or `failed`, for good. */
export async function settleTasks(
  connection: Connection,
  tasks: readonly { readonly id: string; readonly state: "succeeded" | "failed" }[],
): Promise<void> {
  await connection.query(
    `update whiskers.task
     set state = settled.state, settled_at = now()
     from unnest($1::uuid[], $2::text[]) as settled (id, state)
     where task.id = settled.id`,
    [tasks.map(({ id }) => id), tasks.map(({ state }) => state)],
  );
}
