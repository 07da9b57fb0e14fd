import type { Task } from "../../domain/task.ts";
import type { Connection } from "../database.ts";

/** A task as it waits to be run. */
export interface WaitingTask {
  readonly task: Task;
  /** How often it was begun. */
  readonly starts: number;
  /** Since when it waits, milliseconds of Unix time. */
  readonly queuedAtMs: number;
  /** How long that is, by the database's clock alone. */
  readonly waitedMs: number;
}

/** Tasks by id. */
export async function readTasks(
  connection: Connection,
  ids: readonly string[],
): Promise<readonly WaitingTask[]> {
  return connection.query(
    `select document as task, starts, (extract(epoch from queued_at) * 1000)::float8 as "queuedAtMs",
       (extract(epoch from clock_timestamp() - queued_at) * 1000)::float8 as "waitedMs"
     from whiskers.task where id = any ($1::uuid[])`,
    [ids],
  );
}
