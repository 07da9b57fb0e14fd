import type { Connection } from "../database.ts";

export type TaskState = "queued" | "started" | "delivering" | "succeeded" | "failed";

/** The states of those tasks that are known. */
export async function taskStates(
  connection: Connection,
  ids: readonly string[],
): Promise<ReadonlyMap<string, TaskState>> {
  const rows = await connection.query<{ id: string; state: TaskState }>(
    "select id, state from whiskers.task where id = any ($1::uuid[])",
    [ids],
  );
  return new Map(rows.map(({ id, state }) => [id, state]));
}
