import type { Connection } from "../database.ts";

export interface RecordRow {
  readonly kind: string;
  readonly objectType: string | null;
  readonly primaryKey: string | null;
  readonly record: object;
}

/** Adds records of one result, from `position` on. */
export async function insertRecords(
  connection: Connection,
  taskId: string,
  position: number,
  rows: readonly RecordRow[],
): Promise<void> {
  await connection.query(
    `insert into whiskers.record (task_id, position, kind, object_type, primary_key, document)
     select $1::uuid, $2 + at - 1, kind, object_type, primary_key, document::json
     from unnest($3::text[], $4::text[], $5::text[], $6::text[]) with ordinality
       as record (kind, object_type, primary_key, document, at)`,
    [
      taskId,
      position,
      rows.map(({ kind }) => kind),
      rows.map(({ objectType }) => objectType),
      // PostgreSQL's text has no NUL; the document keeps it, as JSON's escape.
      rows.map(({ primaryKey }) => primaryKey?.replaceAll("\0", "\uFFFD") ?? null),
      rows.map(({ record }) => JSON.stringify(record)),
    ],
  );
}
