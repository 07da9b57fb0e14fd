import type { Connection } from "../database.ts";
import type { Installed } from "./list-installed.ts";

export type NewlyInstalled = Pick<
  Installed,
  "normalizer" | "reference" | "pinned" | "name" | "version" | "installedBy"
>;

/** Installs a normalizer, in the place of what had its id. */
export async function putInstalled(connection: Connection, one: NewlyInstalled): Promise<void> {
  await connection.query(
    `insert into whiskers.installed (normalizer, reference, pinned, name, version, installed_by)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (normalizer) do update set
       reference = excluded.reference,
       pinned = excluded.pinned,
       name = excluded.name,
       version = excluded.version,
       installed_by = excluded.installed_by,
       installed_at = now(),
       trouble = null,
       trouble_worker = null,
       trouble_at = null`,
    [one.normalizer, one.reference, one.pinned, one.name, one.version, one.installedBy],
  );
}
