import type { Task } from "../../domain/task.ts";
import type { Connection } from "../database.ts";

/** Makes settled tasks new again; their earlier runs are kept. Returns them. */
export async function resetTasks(connection: Connection, ids: readonly string[]): Promise<readonly Task[]> {
  const rows = await connection.query<{ task: Task }>(
    `with delivery as (
       delete from whiskers.delivery using whiskers.task
       where task.id = delivery.task_id and task.settled_at is not null and task.id = any ($1::uuid[])
     )
     update whiskers.task
     set state = 'queued', starts = 0, queued_at = now(), settled_at = null, retried_at = now()
     where id = any ($1::uuid[]) and settled_at is not null
     returning document as task`,
    [ids],
  );
  return rows.map(({ task }) => task);
}
