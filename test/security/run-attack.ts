import { createHash, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";

import type { Limits } from "../../src/domain/limits.ts";
import type { NormalizerMeta } from "../../src/domain/meta.ts";
import type { RunResult } from "../../src/domain/outcome.ts";
import type { Package, StatePolicy } from "../../src/domain/package.ts";
import type { Raw } from "../../src/domain/raw.ts";
import type { RecordSink } from "../../src/sandbox/record-sink.ts";
import type { Sandboxes } from "../../src/sandbox/sandboxes.ts";
import type { Attempt, Evidence } from "./attack.ts";
import type { HostTargets } from "./host-targets.ts";

/** More of a flood is counted, not kept. */
const KEPT_BYTES = 4 * 1024 * 1024;

export interface AttackRun {
  readonly evidence: Evidence;
  readonly result: RunResult;
  /** Everything of it that a person or a receiver may come to see, as one text. */
  readonly allText: string;
  readonly elapsedMs: number;
}

/** Runs a package once with the brief as its raw file. `turn`: 1 for the first run on a sandbox, 2 for the next. */
export async function runAttack(
  sandboxes: Sandboxes,
  pkg: Package,
  options: { readonly runtime: string; readonly state: StatePolicy; readonly limits: Partial<Limits> },
  targets: HostTargets,
  turn: 1 | 2,
  rawBytes = 0,
): Promise<AttackRun> {
  const brief = {
    ...targets.brief,
    turn,
    secret: `secret-of-turn-${turn}${randomBytes(16).toString("hex")}`,
  };
  const raw = writeRaw(targets, JSON.stringify(brief).padEnd(rawBytes));
  const sink = new KeepingSink();
  const startedAtMs = performance.now();
  const request = { meta: metaOf(pkg, raw), raws: [raw] };
  const result = await sandboxes.run(pkg, options, request, sink, new AbortController().signal);
  const elapsedMs = performance.now() - startedAtMs;
  return {
    evidence: evidenceOf(result, sink),
    result,
    allText: sink.text + JSON.stringify(result),
    elapsedMs,
  };
}

/** As a raw file for any guest, hostile or not. */
export function writeRaw(targets: HostTargets, content: string): Raw {
  const id = randomBytes(8).toString("hex");
  const file = path.join(targets.folder, `raw-${id}`);
  writeFileSync(file, content);
  const sha256 = createHash("sha256").update(content).digest("hex");
  return { id, path: file, sizeBytes: Buffer.byteLength(content), sha256, mimeTypes: ["text/plain"] };
}

export function metaOf(pkg: Package, raw: Raw): NormalizerMeta {
  const at = "2026-01-01T00:00:00+00:00";
  return {
    id: `task-${raw.id}`,
    raw_data: {
      id: raw.id,
      boefje_meta: {
        id: "boefje-task",
        started_at: at,
        ended_at: at,
        boefje: { id: "attack", version: null },
        input_ooi: "Hostname|internet|example.com",
        arguments: { input: { object_type: "Hostname", name: "example.com" } },
        organization: "test",
      },
      mime_types: [{ value: "text/plain" }],
    },
    normalizer: { id: pkg.manifest.id, version: null },
    started_at: at,
    ended_at: null,
  };
}

export class KeepingSink implements RecordSink {
  bytes = 0;
  readonly #kept: Buffer[] = [];

  push(lines: Buffer): void {
    if (this.bytes < KEPT_BYTES) this.#kept.push(lines.subarray(0, KEPT_BYTES));
    this.bytes += lines.length;
  }

  pushPlain(chunk: Buffer): void {
    this.push(chunk);
  }

  endPlain(): number {
    return this.text.trim().split("\n").length;
  }

  get text(): string {
    return Buffer.concat(this.#kept).toString("utf8");
  }
}

function evidenceOf(result: RunResult, sink: KeepingSink): Evidence {
  const records = sink.text
    .split("\n")
    .map(parseOrNull)
    .filter((record) => record !== null);
  const facts = records
    .filter((record) => "fact" in record)
    .map((record) => [record["fact"], record["value"]]);
  const { outcome } = result;
  return {
    ending: outcome.status === "succeeded" ? "succeeded" : outcome.code,
    message: outcome.status === "succeeded" ? "" : outcome.message,
    attempts: records.flatMap(attemptOf),
    facts: Object.fromEntries(facts),
    records,
    recordBytes: sink.bytes,
    logs: result.logs.map((entry) => entry.message),
  };
}

function parseOrNull(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}

function attemptOf(record: Readonly<Record<string, unknown>>): readonly Attempt[] {
  const { attempt, gotThrough, detail } = record;
  if (typeof attempt !== "string") return [];
  return [{ attempt, gotThrough: gotThrough !== false, detail: String(detail) }];
}
