import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { DEFAULT_LIMITS } from "../../domain/limits.ts";
import type { Limits } from "../../domain/limits.ts";
import type { Records } from "../../domain/record.ts";
import { openCollector } from "../collector.ts";

/** What the collector makes of records, each given as a value or as the text of its line. */
export function collect(records: readonly unknown[], limits: Partial<Limits> = {}): Promise<Records> {
  const collector = openCollector({ limits: { ...DEFAULT_LIMITS, ...limits } });
  const lines = records.map((record) => (typeof record === "string" ? record : JSON.stringify(record)));
  if (lines.length > 0) collector.push(Buffer.from(`${lines.join("\n")}\n`));
  return collector.finish();
}

export interface Stored {
  readonly input: string;
  /** Null: refused. */
  readonly stored: string | null;
}

export interface Golden {
  readonly primary_key: string;
  readonly json: { readonly [field: string]: unknown; readonly object_type: string };
}

/** Vectors of OpenKAT itself: what its models stored for an input. */
export function readVectors(name: "golden"): readonly Golden[];
export function readVectors(name: "hostname" | "url"): readonly Stored[];
export function readVectors(name: string): unknown {
  const path = join(import.meta.dirname, `../../../test/fixtures/openkat/${name}-vectors.json`);
  return JSON.parse(readFileSync(path, "utf8")) as unknown;
}
