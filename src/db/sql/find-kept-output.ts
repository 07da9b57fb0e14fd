import type { Connection } from "../database.ts";

export interface KeptOutput {
  readonly runId: string;
  /** As `insertRuns` stored them. */
  readonly run: unknown;
  readonly output: unknown;
}

/** The output that is kept under a key, and was made no longer ago than that; it counts as used. Null: there is none. */
export async function findKeptOutput(
  connection: Connection,
  key: string,
  ageMs: number,
): Promise<KeptOutput | null> {
  const rows = await connection.query<KeptOutput>(
    `with found as (
       update whiskers.cache
       set hits = hits + 1, used_at = now()
       where key = $1 and made_at > now() - $2::float8 * interval '1 millisecond'
       returning run_id
     )
     select found.run_id as "runId", run.document as run, output.document as output
     from found
     join whiskers.run on run.id = found.run_id
     join whiskers.output on output.run_id = found.run_id`,
    [key, ageMs],
  );
  return rows[0] ?? null;
}
