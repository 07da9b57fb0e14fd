import type { Connection } from "../database.ts";

/** Keeps why a supervisor cannot use what is installed; null takes back what the same supervisor had said. */
export async function noteInstalledTrouble(
  connection: Connection,
  {
    normalizer,
    pinned,
    worker,
  }: { readonly normalizer: string; readonly pinned: string; readonly worker: string },
  trouble: string | null,
): Promise<void> {
  await connection.query(
    `update whiskers.installed
     set trouble = $4, trouble_worker = case when $4::text is null then null else $3 end,
       trouble_at = case when $4::text is null then null else now() end
     where normalizer = $1 and pinned = $2 and ($4::text is not null or trouble_worker = $3)`,
    [normalizer, pinned, worker, trouble],
  );
}
