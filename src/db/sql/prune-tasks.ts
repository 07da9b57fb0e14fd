import type { Connection } from "../database.ts";

/** Forgets up to `limit` tasks that were settled so long ago, with their runs. Returns how many. */
export async function pruneTasks(connection: Connection, keepMs: number, limit: number): Promise<number> {
  const rows = await connection.query<{ id: string }>(
    `delete from whiskers.task
     where id in (
       select id from whiskers.task
       where settled_at < now() - $1::float8 * interval '1 millisecond'
       order by settled_at limit $2
     )
     returning id`,
    [keepMs, limit],
  );
  return rows.length;
}
