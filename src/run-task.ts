import { createHash } from "node:crypto";

import type { Sink } from "./delivery/sink.ts";
import type { Limits } from "./domain/limits.ts";
import type { NormalizerMeta } from "./domain/meta.ts";
import { narrowMeta } from "./domain/narrow-meta.ts";
import type { Outcome, RunResult } from "./domain/outcome.ts";
import type { Manifest, Package } from "./domain/package.ts";
import type { Raw } from "./domain/raw.ts";
import type { Records } from "./domain/record.ts";
import type { Receipt, Run, RunRecord } from "./domain/run.ts";
import type { Task } from "./domain/task.ts";
import type { Catalogue } from "./packages/catalogue.ts";
import { derivedId } from "./raw/derived-id.ts";
import type { DebugChannel } from "./sandbox/link.ts";
import type { RecordSink } from "./sandbox/record-sink.ts";
import type { RunDescription, RunOptions, Sandboxes } from "./sandbox/sandboxes.ts";
import { startPhaseClock } from "./telemetry/phase-clock.ts";

/** Every stage that a task goes through, ready for use. */
export interface Stages {
  readonly catalogue: Catalogue;
  fetch(task: Task, manifest: Manifest, signal: AbortSignal): Promise<Fetched>;
  readonly sandboxes: Sandboxes;
  /** A collector takes the records of one run. */
  collect(manifest: Manifest, limits: Partial<Limits>): Collector;
  /** What earlier runs gave. Not given: everything is run. */
  readonly results?: Results;
  /** Around the reading of an output of so many bytes. */
  readonly aroundReading?: (bytes: number, work: () => Promise<Records>) => Promise<Records>;
  readonly sink: Sink;
}

export interface Fetched {
  readonly raw: Raw;
  readonly meta: NormalizerMeta;
  /** Not given: it is not debugged. */
  readonly debug?: DebugChannel | undefined;
}

/** Results of earlier runs, by all that they follow from. */
export interface Results {
  keyOf(pkg: Package, description: RunDescription, meta: NormalizerMeta, raw: Raw): string;
  find(key: string): Promise<KeptResult | null>;
}

/** What a run gave that succeeded, without a rejection. */
export interface KeptResult {
  readonly runId: string;
  readonly record: RunRecord;
  readonly records: Records;
}

interface Collector extends RecordSink {
  /** Resolves references, validates, merges. */
  finish(): Promise<Records>;
  /** Of what the records came as. */
  readonly bytes: number;
  /** How much of that time went into reading JSON, milliseconds. */
  readonly decodeMs: number;
}

/**
 * The whole sentence: Task -> Raw -> Package -> Outcome -> Record[] -> Receipt.
 * A normalizer's trouble is in the run's `outcome`; the platform's is thrown.
 * @throws WhiskersError
 */
export async function runTask(
  task: Task,
  stages: Stages,
  options: RunOptions,
  signal: AbortSignal,
): Promise<Run> {
  const clock = startPhaseClock();
  const pkg = await clock.time("package", () => stages.catalogue.open(task.package));
  const fetched = await clock.time("fetch", () => stages.fetch(task, pkg.manifest, signal));
  const { raw, debug } = fetched;
  const { reads } = pkg.manifest;
  const meta = reads === undefined ? fetched.meta : narrowMeta(fetched.meta, reads);
  // Told no more of the meta, it is not told by the raw file's id either.
  const given = reads === undefined ? raw : { ...raw, id: derivedId("raw", raw.sha256) };
  const metaSha256 = createHash("sha256").update(JSON.stringify(meta)).digest("hex");
  const cacheKey = await clock.time("prepare", () => cacheKeyOf(pkg, stages, options, meta, given));
  const kept = cacheKey === null ? null : await clock.time("prepare", () => stages.results?.find(cacheKey));
  if (kept !== null && kept !== undefined && cacheKey !== null) {
    const timingsMs = clock.read({ open: 0, handOver: 0, run: 0, decode: 0 });
    return keptRun(kept, cacheKey, { taskId: task.id, rawId: raw.id, metaSha256, timingsMs });
  }
  const collector = stages.collect(pkg.manifest, { ...pkg.manifest.limits, ...options.limits });
  const result = await clock.time("prepare", () =>
    stages.sandboxes.run(pkg, options, { meta, raws: [given], debug }, collector, signal),
  );
  const read = (): Promise<Records> => collector.finish();
  const records = await clock.time("validate", () => stages.aroundReading?.(collector.bytes, read) ?? read());
  const outcome = judge(result, records, pkg.manifest);
  const receipt = await clock.time("deliver", () =>
    deliver(outcome, task, fetched.meta, records, stages.sink, signal),
  );
  return {
    outcome,
    records,
    logs: result.logs,
    logBytesDropped: result.logBytesDropped,
    receipt,
    ...(cacheKey === null ? {} : { cacheKey }),
    record: {
      taskId: task.id,
      normalizer: { id: pkg.manifest.id, version: pkg.manifest.version },
      packageDigest: pkg.digest,
      environment: result.environment,
      ...(result.models === undefined ? {} : { models: result.models }),
      rawId: raw.id,
      rawBytes: raw.sizeBytes,
      rawSha256: raw.sha256,
      metaSha256,
      outputSha256: records.sha256,
      runtime: result.runtime,
      state: result.state,
      limits: result.limits,
      timingsMs: clock.read({ ...result.timingsMs, decode: collector.decodeMs }),
      usage: result.usage,
      protections: result.protections,
    },
  };
}

/** Null: what it gives is not kept. */
async function cacheKeyOf(
  pkg: Package,
  { results, sandboxes }: Stages,
  options: RunOptions,
  meta: NormalizerMeta,
  raw: Raw,
): Promise<string | null> {
  if (results === undefined || pkg.manifest.cache !== true) return null;
  const description = await sandboxes.describe(pkg, options);
  // What ran before in the same process may have changed it: that ends with the process, and must not be kept.
  return description.state === "reuse" ? null : results.keyOf(pkg, description, meta, raw);
}

/** The same again, with nothing done for it. */
function keptRun(
  { runId, record, records }: KeptResult,
  cacheKey: string,
  own: Pick<RunRecord, "taskId" | "rawId" | "metaSha256" | "timingsMs">,
): Run {
  return {
    outcome: { status: "succeeded" },
    records,
    logs: [],
    logBytesDropped: 0,
    receipt: { sink: null },
    cacheKey,
    record: { ...record, ...own, usage: { cpuMs: 0, peakMemoryBytes: null }, cached: runId },
  };
}

/** All or nothing: one invalid record fails the run, unless the package wants such records left out. */
function judge(
  { outcome }: RunResult,
  { rejections, rejectionsDropped }: Records,
  { onInvalid }: Manifest,
): Outcome {
  const [first] = rejections;
  if (outcome.status === "failed" || first === undefined || onInvalid === "skip") return outcome;
  const where = `record ${first.record}${first.path === "" ? "" : ` at ${first.path}`}`;
  const more = rejections.length - 1 + rejectionsDropped;
  const others = more > 0 ? ` (and ${more} more)` : "";
  return { status: "failed", code: "invalid-output", message: `${where}: ${first.reason}${others}` };
}

/** Success without objects is delivered, and says that nothing is there; a failure says nothing. */
async function deliver(
  outcome: Outcome,
  task: Task,
  meta: NormalizerMeta,
  records: Records,
  sink: Sink,
  signal: AbortSignal,
): Promise<Receipt> {
  return outcome.status === "succeeded" ? sink.deliver(task, meta, records, signal) : { sink: null };
}
