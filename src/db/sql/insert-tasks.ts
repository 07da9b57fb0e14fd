import type { Task } from "../../domain/task.ts";
import type { Connection } from "../database.ts";

/** Records tasks; those whose id is known already stay as they are. Returns the ids that are new. */
export async function insertTasks(
  connection: Connection,
  tasks: readonly Task[],
): Promise<readonly string[]> {
  const rows = await connection.query<{ id: string }>(
    `insert into whiskers.task (id, package, origin, document)
     select id, package, origin, document::json
     from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as task (id, package, origin, document)
     on conflict (id) do nothing
     returning id`,
    [
      tasks.map(({ id }) => id),
      tasks.map((task) => task.package),
      tasks.map(({ origin }) => origin ?? null),
      tasks.map((task) => JSON.stringify(task)),
    ],
  );
  return rows.map(({ id }) => id);
}
