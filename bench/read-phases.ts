import { openPostgres } from "../src/db/postgres.ts";
import { distributionOf } from "../src/bench/distribution.ts";
import { PHASES } from "../src/domain/run.ts";

/** So many of the last runs. */
const RUNS = 500;

/** The phases of tasks in the ledger, milliseconds: the median of each over the last runs; what takes no time is left out. */
export async function readPhases(databaseUrl: string): Promise<Readonly<Record<string, number>>> {
  const database = await openPostgres(databaseUrl);
  try {
    const rows = await database.query<
      Readonly<Record<string, number>> & { readonly inRun: Readonly<Record<string, number>> }
    >(
      `select run.document->'record'->'timingsMs' as "inRun", store_ms as store, take_up_ms as "takeUp",
         deliver_ms as deliver, settle_ms as settle
       from whiskers.run join whiskers.delivery on delivery.run_id = run.id
       where delivery.state = 'delivered' order by run.finished_at desc limit ${RUNS}`,
    );
    const inRun = PHASES.filter((phase) => phase !== "deliver").map(
      (phase) => [phase, distributionOf([rows.map((row) => row.inRun[phase] ?? 0)]).p50] as const,
    );
    const after = ["store", "takeUp", "deliver", "settle"].map(
      (phase) => [phase, distributionOf([rows.map((row) => row[phase] ?? 0)]).p50] as const,
    );
    return Object.fromEntries([...inRun, ...after].filter(([, ms]) => ms > 0));
  } finally {
    await database.close();
  }
}
