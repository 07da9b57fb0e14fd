import { octopoesSteps, type ScanProfileWhitelist } from "../delivery/octopoes.ts";
import type { DeliveryStep } from "../delivery/step.ts";
import type { NormalizerMeta } from "../domain/meta.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { Records } from "../domain/record.ts";
import type { Task } from "../domain/task.ts";
import type { HttpService } from "../http/http-service.ts";
import type { Bytes } from "../raw/bytes.ts";
import { derivedRawSteps, errorStep } from "./raw-steps.ts";
import { statusStep, type StatusStepOptions, type TaskSoFar } from "./status-step.ts";

/** A run as `runRow` stored it, and its output. */
export interface StoredRun {
  readonly task: Task;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly outcome: Outcome;
  /** Null when the platform failed before there was a run. */
  readonly normalizer: { readonly id: string; readonly version: string | null } | null;
  readonly records: Records | null;
}

/** Where results go. */
export interface Destinations extends StatusStepOptions {
  readonly bytes: Bytes;
  readonly octopoes: HttpService;
  readonly whitelist: ScanProfileWhitelist;
  readonly errorRaws: boolean;
}

/** What is known of a delivery when it is planned. */
export interface DeliverySoFar extends Omit<TaskSoFar, "runMs"> {}

/**
 * What has to be said to whom about a run, in order. A success: its records to Octopoes, its raw files and
 * its metadata to Bytes, `completed` to Mula. A failure: its error to Bytes, if that is wanted, and `failed` to
 * Mula; no metadata, for in Bytes that is what says that a raw file was normalized.
 */
export function deliverySteps(
  run: StoredRun,
  verdict: Outcome,
  so: DeliverySoFar,
  destinations: Destinations | null,
): readonly DeliveryStep[] {
  const { task } = run;
  if (destinations === null || task.origin === undefined || task.rawData === undefined) return [];
  const { bytes, octopoes, whitelist, errorRaws } = destinations;
  const meta: NormalizerMeta = {
    id: task.id,
    raw_data: task.rawData,
    normalizer: run.normalizer ?? { id: task.package, version: null },
    started_at: run.startedAt,
    ended_at: run.endedAt,
  };
  const steps: DeliveryStep[] = [];
  if (verdict.status === "succeeded" && run.records !== null) {
    steps.push(
      ...octopoesSteps(octopoes, whitelist, meta, run.records),
      ...derivedRawSteps(bytes, meta, run.records.raws),
      { name: "bytes/normalizer-meta", send: (signal) => bytes.saveNormalizerMeta(meta, signal) },
    );
  }
  if (verdict.status === "failed" && errorRaws) steps.push(errorStep(bytes, meta, verdict));
  if (task.origin === "mula") {
    const runMs = Date.parse(run.endedAt) - Date.parse(run.startedAt);
    steps.push(statusStep(task, verdict, { ...so, runMs }, destinations));
  }
  return steps;
}
