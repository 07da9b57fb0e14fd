import { createHash } from "node:crypto";

import type { Database } from "../db/database.ts";
import { findKeptOutput } from "../db/sql/find-kept-output.ts";
import type { Results } from "../run-task.ts";
import { readStoredRun, type RunDocument } from "./stored-run.ts";

/**
 * Results of earlier runs in the database, of whatever process. They are kept under a hash of all that an output follows
 * from, as far as a guest can see it, and of our version, since it is we who normalise what a guest gives.
 */
export function resultCache(database: Database, version: string, ageMs: number): Results {
  return {
    keyOf(pkg, { runtime, environment, limits, state }, meta, raw) {
      const { sha256, sizeBytes, mimeTypes } = raw;
      const everything = {
        version,
        package: pkg.digest,
        runtime,
        environment,
        state,
        limits: Object.entries(limits).toSorted(([a], [b]) => (a < b ? -1 : 1)),
        meta,
        raw: { sha256, sizeBytes, mimeTypes },
      };
      return createHash("sha256").update(JSON.stringify(everything)).digest("hex");
    },
    async find(key) {
      const found = await findKeptOutput(database, key, ageMs);
      if (found === null) return null;
      const { record } = found.run as RunDocument;
      const { records } = readStoredRun(found);
      return record === undefined || records === null ? null : { runId: found.runId, record, records };
    },
  };
}
