import type { Connection } from "../database.ts";

/** Takes back that tasks were begun: they were cut short by nobody's fault. */
export async function unstartTasks(connection: Connection, ids: readonly string[]): Promise<void> {
  await connection.query(
    `update whiskers.task set starts = greatest(starts - 1, 0), state = 'queued'
     where id = any ($1::uuid[]) and state = 'started'`,
    [ids],
  );
}
