import type { Connection } from "../database.ts";

/** Forgets tasks of a scheduler that were never begun. Returns their ids. */
export async function deleteTasks(
  connection: Connection,
  ids: readonly string[],
): Promise<readonly string[]> {
  const rows = await connection.query<{ id: string }>(
    `delete from whiskers.task
     where id = any ($1::uuid[]) and origin = 'mula' and state = 'queued' and starts = 0
     returning id`,
    [ids],
  );
  return rows.map(({ id }) => id);
}
