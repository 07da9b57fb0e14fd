import type { Connection } from "../database.ts";

/** One finished run as it is kept. */
export interface RunRow {
  readonly id: string;
  readonly taskId: string;
  readonly normalizer: string;
  readonly status: "succeeded" | "failed";
  readonly code: string | null;
  /** JSON text. */
  readonly document: string;
  /** JSON text; null when there was none. */
  readonly output: string | null;
}

/** Stores runs and their outputs. */
export async function insertRuns(connection: Connection, runs: readonly RunRow[]): Promise<void> {
  await connection.query(
    `with run as (
       insert into whiskers.run (id, task_id, normalizer, status, code, document)
       select id, task_id, normalizer, status, code, document::json
       from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])
         as run (id, task_id, normalizer, status, code, document)
     )
     insert into whiskers.output (run_id, document)
     select run_id, document::json from unnest($7::uuid[], $8::text[]) as output (run_id, document)`,
    [
      runs.map(({ id }) => id),
      runs.map(({ taskId }) => taskId),
      runs.map(({ normalizer }) => normalizer),
      runs.map(({ status }) => status),
      runs.map(({ code }) => code),
      runs.map(({ document }) => document),
      runs.filter(({ output }) => output !== null).map(({ id }) => id),
      runs.filter(({ output }) => output !== null).map(({ output }) => output),
    ],
  );
}
