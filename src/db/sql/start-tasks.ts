import type { Task } from "../../domain/task.ts";
import type { Connection } from "../database.ts";

/**
 * Says, before it is so, that these tasks are being run. Returns each with how often that was said
 * of it, this time included, and since when it waited (milliseconds of Unix time); a task whose run is stored, or that is unknown, is left out.
 */
export async function startTasks(
  connection: Connection,
  ids: readonly string[],
): Promise<readonly { readonly task: Task; readonly starts: number; readonly queuedAtMs: number }[]> {
  return connection.query(
    `update whiskers.task
     set starts = starts + 1, state = 'started'
     where id = any ($1::uuid[]) and state in ('queued', 'started')
     returning document as task, starts, (extract(epoch from queued_at) * 1000)::float8 as "queuedAtMs"`,
    [ids],
  );
}
