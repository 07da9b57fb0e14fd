import type { Task } from "../../domain/task.ts";
import type { Connection } from "../database.ts";

/**
 * Says, before it is so, that these tasks are being run. Returns each with how often that was said
 * of it, this time included, and since when it waited (milliseconds of Unix time); a task whose run is stored, or that is unknown, is left out.
 * `earlier`: how often it was said before, as far as is known; saying it twice, because the first answer was lost, then counts once.
 */
export async function startTasks(
  connection: Connection,
  tasks: readonly { readonly id: string; readonly earlier: number | null }[],
): Promise<readonly { readonly task: Task; readonly starts: number; readonly queuedAtMs: number }[]> {
  return connection.query(
    `update whiskers.task
     set starts = case when begun.earlier is null then starts + 1 else greatest(starts, begun.earlier + 1) end, state = 'started'
     from unnest($1::uuid[], $2::integer[]) as begun (id, earlier)
     where task.id = begun.id and state in ('queued', 'started')
     returning document as task, starts, (extract(epoch from queued_at) * 1000)::float8 as "queuedAtMs"`,
    [tasks.map(({ id }) => id), tasks.map(({ earlier }) => earlier)],
  );
}
