import path from "node:path";

import type { SinkName } from "../config/supervisor-settings.ts";
import type { Database } from "../db/database.ts";
import { jsonLinesSink } from "../delivery/json-lines-sink.ts";
import type { OutputSink } from "../delivery/output-sink.ts";
import { postgresSink } from "../delivery/postgres-sink.ts";

interface SinkSettings {
  readonly sinks: readonly SinkName[];
  /** Null: in `home`. */
  readonly jsonlFolder: string | null;
}

/** Those of the sinks that are none of OpenKAT's services. */
export function openSinks(
  { sinks, jsonlFolder }: SinkSettings,
  database: Database,
  home: string,
): readonly OutputSink[] {
  return sinks.flatMap((name) => {
    switch (name) {
      case "postgresql":
        return [postgresSink(database)];
      case "jsonl":
        return [jsonLinesSink(path.resolve(jsonlFolder ?? path.join(home, "output")))];
      case "octopoes":
      case "bytes":
        return [];
    }
  });
}
