import type { Connection } from "../database.ts";

/** Uninstalls a normalizer. False: it was not there. */
export async function deleteInstalled(connection: Connection, normalizer: string): Promise<boolean> {
  const rows = await connection.query(
    "delete from whiskers.installed where normalizer = $1 returning normalizer",
    [normalizer],
  );
  return rows.length > 0;
}
