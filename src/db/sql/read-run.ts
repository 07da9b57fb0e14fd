import type { Connection } from "../database.ts";

/** A run as `insertRuns` stored it; null: it is not there (any more). */
export async function readRun(
  connection: Connection,
  runId: string,
): Promise<{ readonly run: unknown; readonly output: string | null } | null> {
  const rows = await connection.query<{ run: unknown; output: string | null }>(
    `select run.document as run, output.document::text as output
     from whiskers.run left join whiskers.output on output.run_id = run.id
     where run.id = $1`,
    [runId],
  );
  return rows[0] ?? null;
}
