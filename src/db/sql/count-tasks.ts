import type { Connection } from "../database.ts";

export type TaskCounts = Readonly<
  Record<"queued" | "started" | "delivering" | "succeeded" | "failed", number>
>;

/** How many tasks there are in each state. */
export async function countTasks(connection: Connection): Promise<TaskCounts> {
  const rows = await connection.query<{ state: keyof TaskCounts; count: number }>(
    "select state, count(*)::int as count from whiskers.task group by state",
  );
  const counts = { queued: 0, started: 0, delivering: 0, succeeded: 0, failed: 0 };
  for (const { state, count } of rows) counts[state] = count;
  return counts;
}
