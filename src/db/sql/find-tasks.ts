import type { Connection } from "../database.ts";

/** Ids of up to `limit` tasks that have their own or a run's id from `first` to `last`. */
export async function findTasks(
  connection: Connection,
  first: string,
  last: string,
  limit: number,
): Promise<readonly string[]> {
  const rows = await connection.query<{ id: string }>(
    `select id from whiskers.task where id between $1::uuid and $2::uuid
     union
     select task_id from whiskers.run where id between $1::uuid and $2::uuid
     limit $3`,
    [first, last, limit],
  );
  return rows.map(({ id }) => id);
}
