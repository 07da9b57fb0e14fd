import type { Database } from "../db/database.ts";
import { insertRecords } from "../db/sql/insert-records.ts";
import { replaceResult } from "../db/sql/replace-result.ts";
import { originOf, type OutputRecord, outputRecords } from "./output.ts";
import type { OutputSink } from "./output-sink.ts";

/** Records in one statement. */
const RECORDS_AT_ONCE = 2000;

/** Rows in `whiskers.result` and `whiskers.record`, of the supervisor's own database. */
export function postgresSink(database: Database): OutputSink {
  return {
    step: (output) => ({
      name: "postgresql",
      async send() {
        await database.transaction(async (connection) => {
          await replaceResult(connection, originOf(output));
          let batch: OutputRecord[] = [];
          let position = 0;
          const flush = async (): Promise<void> => {
            await insertRecords(connection, output.taskId, position, batch);
            position += batch.length;
            batch = [];
          };
          for (const record of outputRecords(output)) {
            batch.push(record);
            if (batch.length === RECORDS_AT_ONCE) await flush();
          }
          if (batch.length > 0) await flush();
        });
      },
    }),
  };
}
