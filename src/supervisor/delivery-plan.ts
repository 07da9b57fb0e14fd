import { octopoesSteps, type ScanProfileWhitelist } from "../delivery/octopoes.ts";
import type { Output } from "../delivery/output.ts";
import type { OutputSink } from "../delivery/output-sink.ts";
import type { DeliveryStep } from "../delivery/step.ts";
import type { NormalizerMeta } from "../domain/meta.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { Records } from "../domain/record.ts";
import type { Task } from "../domain/task.ts";
import type { HttpService } from "../http/http-service.ts";
import type { Bytes } from "../raw/bytes.ts";
import { derivedRawSteps, errorStep, outputStep } from "./raw-steps.ts";
import { statusStep, type StatusStepOptions, type TaskSoFar } from "./status-step.ts";

/** A run as `runRow` stored it, and its output. */
export interface StoredRun {
  readonly task: Task;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly outcome: Outcome;
  /** Null when the platform failed before there was a run. */
  readonly normalizer: { readonly id: string; readonly version: string | null } | null;
  readonly packageDigest: string | null;
  readonly records: Records | null;
}

/** Where results go. */
export interface Destinations {
  /** Null: there is no OpenKAT. */
  readonly openKat: OpenKatDestinations | null;
  /** Beside it. */
  readonly sinks: readonly OutputSink[];
}

export interface OpenKatDestinations extends StatusStepOptions {
  readonly bytes: Bytes;
  /** Null: it is no sink. */
  readonly octopoes: HttpService | null;
  readonly whitelist: ScanProfileWhitelist;
  /** Whether outputs are kept in Bytes, and errors. */
  readonly outputRaws: boolean;
  readonly errorRaws: boolean;
}

/** What is known of a delivery when it is planned. */
export interface DeliverySoFar extends Omit<TaskSoFar, "runMs"> {}

/**
 * What has to be said to whom about a run, in order. A success: its records to Octopoes and the other sinks, its raw
 * files and its metadata to Bytes, `completed` to Mula. A failure: its error to Bytes, if that is wanted, and `failed`
 * to Mula; no metadata, for in Bytes that is what says that a raw file was normalized.
 */
export function deliverySteps(
  run: StoredRun,
  verdict: Outcome,
  so: DeliverySoFar,
  { openKat, sinks }: Destinations,
): readonly DeliveryStep[] {
  const { task } = run;
  const normalizer = run.normalizer ?? { id: task.package, version: null };
  const output = outputOf(run, verdict, normalizer);
  const elsewhere = output === null ? [] : sinks.map((sink) => sink.step(output));
  // A task that was submitted here has nothing to do with OpenKAT.
  if (openKat === null || task.origin === undefined || task.rawData === undefined) return elsewhere;
  const { bytes, octopoes, whitelist, outputRaws, errorRaws } = openKat;
  const meta: NormalizerMeta = {
    id: task.id,
    raw_data: task.rawData,
    normalizer,
    started_at: run.startedAt,
    ended_at: run.endedAt,
  };
  const steps: DeliveryStep[] = [];
  if (output !== null) {
    const { records } = output;
    steps.push(
      ...(octopoes === null ? [] : octopoesSteps(octopoes, whitelist, meta, records)),
      ...elsewhere,
      ...(outputRaws ? [outputStep(bytes, meta, output)] : []),
      ...derivedRawSteps(bytes, meta, records.raws),
      { name: "bytes/normalizer-meta", send: (signal) => bytes.saveNormalizerMeta(meta, signal) },
    );
  }
  if (verdict.status === "failed" && errorRaws) steps.push(errorStep(bytes, meta, verdict));
  if (task.origin === "mula") {
    const runMs = Date.parse(run.endedAt) - Date.parse(run.startedAt);
    steps.push(statusStep(task, verdict, { ...so, runMs }, openKat));
  }
  return steps;
}

/** Null: there is nothing to deliver. */
function outputOf(run: StoredRun, verdict: Outcome, normalizer: Output["normalizer"]): Output | null {
  const { task, packageDigest, records } = run;
  if (verdict.status === "failed" || records === null) return null;
  return { taskId: task.id, packageDigest, normalizer, meta: task.rawData ?? null, records };
}
