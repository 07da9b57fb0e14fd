import { PgBoss } from "pg-boss";
import type { Db } from "pg-boss";

import type { Connection, Database } from "./database.ts";

/** Any number, the same in every Whiskers, and not the one of migrate.ts. */
const START_LOCK = 7_467_125_110;
/** How often claims without a heartbeat are looked for. */
const EXPIRY_CHECK_SECONDS = 5;

/**
 * pg-boss on a database of ours, in its own schema `pgboss`. It keeps claims, heartbeats, retries and
 * expiry; what a task is and what became of it is kept in our tables.
 */
export async function startJobLibrary(database: Database, onError: (error: Error) => void): Promise<PgBoss> {
  const boss = new PgBoss({
    db: jobConnection(database),
    backend: database.kind === "embedded" ? "pglite" : "postgres",
    schedule: false,
    supervise: true,
    superviseIntervalSeconds: EXPIRY_CHECK_SECONDS,
    monitorIntervalSeconds: EXPIRY_CHECK_SECONDS,
  });
  boss.on("error", onError);
  try {
    await alone(database, () => boss.start());
    return boss;
  } catch (error) {
    await boss.stop({ graceful: false });
    throw error;
  }
}

/** pg-boss creates its schema without a lock: of several that start on a new database, all but one would fail. */
async function alone(database: Database, start: () => Promise<unknown>): Promise<void> {
  if (database.kind === "embedded") {
    await start();
    return;
  }
  await database.transaction(async (connection) => {
    await connection.query("select pg_advisory_xact_lock($1)", [START_LOCK]);
    await start();
  });
}

/** A connection of ours in the form that pg-boss wants, for its calls to take part in our transactions. */
export function jobConnection(connection: Connection): Db {
  return {
    // Without values pg-boss sends several statements at once and wants the rows of all of them.
    executeSql: async (text, values) => ({
      rows: [
        ...(values === undefined || values.length === 0
          ? await connection.script(text)
          : await connection.query(text, values)),
      ],
    }),
  };
}
