import type { Task } from "../../domain/task.ts";
import type { Connection } from "../database.ts";

/** Tasks by id, with how often they were begun, and the time since when they wait (milliseconds of Unix time). */
export async function readTasks(
  connection: Connection,
  ids: readonly string[],
): Promise<readonly { readonly task: Task; readonly starts: number; readonly queuedAtMs: number }[]> {
  return connection.query(
    `select document as task, starts, (extract(epoch from queued_at) * 1000)::float8 as "queuedAtMs"
     from whiskers.task where id = any ($1::uuid[])`,
    [ids],
  );
}
