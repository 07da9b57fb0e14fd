import type { Connection } from "../database.ts";

/** Ids of tasks that ended as failed, oldest first. The normalizer is the one whose run failed last. */
export async function failedTasks(
  connection: Connection,
  normalizer: string | null,
): Promise<readonly string[]> {
  const rows = await connection.query<{ id: string }>(
    `select task.id
     from whiskers.task
     where task.state = 'failed' and task.settled_at is not null
       and ($1::text is null or $1 = (
         select run.normalizer from whiskers.run where run.task_id = task.id
         order by run.finished_at desc limit 1
       ))
     order by task.settled_at`,
    [normalizer],
  );
  return rows.map(({ id }) => id);
}
