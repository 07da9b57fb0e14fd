import type { Connection } from "../database.ts";

/** Where an output came from. */
export interface ResultRow {
  readonly task: string;
  readonly normalizer: string;
  readonly version: string | null;
  readonly packageDigest: string | null;
  readonly organisation: string | null;
  readonly raw: string | null;
  readonly source: string | null;
  /** ISO 8601. */
  readonly validTime: string | null;
}

/** Makes the row of one task's result anew; the records of an earlier one are gone with it. */
export async function replaceResult(connection: Connection, row: ResultRow): Promise<void> {
  await connection.query("delete from whiskers.result where task_id = $1::uuid", [row.task]);
  await connection.query(
    `insert into whiskers.result
       (task_id, normalizer, version, package_digest, organisation, raw_id, source, valid_time)
     values ($1::uuid, $2, $3, $4, $5, $6, $7, $8::timestamptz)`,
    [
      row.task,
      row.normalizer,
      row.version,
      row.packageDigest,
      row.organisation,
      row.raw,
      row.source,
      // Of a submitted file's own meta, it may be any text.
      row.validTime === null || Number.isNaN(Date.parse(row.validTime)) ? null : row.validTime,
    ],
  );
}
