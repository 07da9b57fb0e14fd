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
  /** Under which its output is kept for later runs; null: it is not. */
  readonly cacheKey: string | null;
  /** When the outcome was there, by `performance.now()` of this process. */
  readonly overMs: number;
}

/** Stores runs and their outputs. */
export async function insertRuns(connection: Connection, runs: readonly RunRow[]): Promise<void> {
  const nowMs = performance.now();
  await connection.query(
    `insert into whiskers.run (id, task_id, normalizer, status, code, document, store_ms)
     select id, task_id, normalizer, status, code, document::json, store_ms
     from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[])
       as run (id, task_id, normalizer, status, code, document, store_ms)`,
    [
      runs.map(({ id }) => id),
      runs.map(({ taskId }) => taskId),
      runs.map(({ normalizer }) => normalizer),
      runs.map(({ status }) => status),
      runs.map(({ code }) => code),
      runs.map(({ document }) => document),
      runs.map(({ overMs }) => nowMs - overMs),
    ],
  );
  await insertOutputs(connection, runs);
  await keepOutputs(connection, runs);
}

/** Of outputs in one statement: the driver of the database makes one message of it, which takes as much memory again. */
const MOST_LENGTH = 4 * 1024 * 1024;

/** Each is a value of its own: in an array every quote of it would be escaped here and read again there. */
async function insertOutputs(connection: Connection, runs: readonly RunRow[]): Promise<void> {
  let values: string[] = [];
  let length = 0;
  const insert = async (): Promise<void> => {
    if (values.length === 0) return;
    const rows = Array.from(
      { length: values.length / 2 },
      (_row, index) => `($${2 * index + 1}::uuid, $${2 * index + 2}::json)`,
    );
    await connection.query(
      `insert into whiskers.output (run_id, document) values ${rows.join(", ")}`,
      values,
    );
    values = [];
    length = 0;
  };
  for (const { id, output } of runs) {
    if (output === null) continue;
    if (length > 0 && length + output.length > MOST_LENGTH) await insert();
    values.push(id, output);
    length += output.length;
  }
  await insert();
}

/** Under a key that is there already the earlier one stays. */
async function keepOutputs(connection: Connection, runs: readonly RunRow[]): Promise<void> {
  const kept = runs.flatMap(({ id, cacheKey, output }) =>
    cacheKey === null || output === null ? [] : [{ id, cacheKey, bytes: Buffer.byteLength(output) }],
  );
  if (kept.length === 0) return;
  await connection.query(
    `insert into whiskers.cache (key, run_id, output_bytes)
     select key, run_id, output_bytes from unnest($1::text[], $2::uuid[], $3::bigint[]) as kept (key, run_id, output_bytes)
     order by key
     on conflict (key) do nothing`,
    [kept.map(({ cacheKey }) => cacheKey), kept.map(({ id }) => id), kept.map(({ bytes }) => bytes)],
  );
}
