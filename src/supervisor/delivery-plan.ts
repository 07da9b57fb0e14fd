import { octopoesSteps, type ScanProfileWhitelist } from "../delivery/octopoes.ts";
import type { DeliveryStep } from "../delivery/step.ts";
import type { NormalizerMeta } from "../domain/meta.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { DerivedRaw, Records } from "../domain/record.ts";
import type { Task } from "../domain/task.ts";
import { WhiskersError } from "../errors.ts";
import type { HttpService } from "../http/http-service.ts";
import type { Mula } from "../intake/mula.ts";
import type { Bytes } from "../raw/bytes.ts";
import { depthOf, markOf } from "./derived-raws.ts";

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
export interface Destinations {
  readonly mula: Mula;
  readonly bytes: Bytes;
  readonly octopoes: HttpService;
  readonly whitelist: ScanProfileWhitelist;
  readonly errorRaws: boolean;
  /** Resolves when nothing that this process says of a task in the meantime is still under way. */
  readonly quiet: (taskId: string) => Promise<void>;
}

/**
 * What has to be said to whom about a run, in order. A success: its records to Octopoes, its raw files and
 * its metadata to Bytes, `completed` to Mula. A failure: its error to Bytes, if that is wanted, and `failed` to
 * Mula; no metadata, for in Bytes that is what says that a raw file was normalized.
 */
export function deliverySteps(
  run: StoredRun,
  verdict: Outcome,
  isFirstTry: boolean,
  destinations: Destinations | null,
): readonly DeliveryStep[] {
  const { task } = run;
  if (destinations === null || task.origin === undefined || task.rawData === undefined) return [];
  const { mula, bytes, octopoes, whitelist, errorRaws } = destinations;
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
      ...derivedRawSteps(bytes, meta, run.records.raws, isFirstTry),
      { name: "bytes/normalizer-meta", send: (signal) => bytes.saveNormalizerMeta(meta, signal) },
    );
  }
  if (verdict.status === "failed" && errorRaws) steps.push(errorStep(bytes, meta, verdict, isFirstTry));
  if (task.origin === "mula") {
    const status = verdict.status === "succeeded" ? "completed" : "failed";
    steps.push({
      name: `mula/${status}`,
      async send(signal) {
        await destinations.quiet(task.id);
        await toldUnlessGone(mula.setStatus(task.id, status, signal));
      },
    });
  }
  return steps;
}

function derivedRawSteps(
  bytes: Bytes,
  meta: NormalizerMeta,
  raws: readonly DerivedRaw[],
  isFirstTry: boolean,
): readonly DeliveryStep[] {
  const depth = depthOf(meta.raw_data.mime_types) + 1;
  return raws.map((raw, index) => {
    const mark = markOf(meta.id, index, depth);
    return rawStep(bytes, meta, `bytes/raw/${index}`, raw, mark, isFirstTry);
  });
}

function errorStep(
  bytes: Bytes,
  meta: NormalizerMeta,
  { code, message, guestError }: Extract<Outcome, { status: "failed" }>,
  isFirstTry: boolean,
): DeliveryStep {
  const text = JSON.stringify({ normalizer: meta.normalizer, task: meta.id, code, message, guestError });
  const raw = { mime_types: ["error/normalizer"], content: Buffer.from(text) };
  return rawStep(bytes, meta, "bytes/error", raw, markOf(meta.id, 0, 0), isFirstTry);
}

/** Bytes would keep a file twice that is sent twice, so whoever may be the second looks first. */
function rawStep(
  bytes: Bytes,
  meta: NormalizerMeta,
  name: string,
  { mime_types: types, content }: DerivedRaw,
  mark: string,
  isFirstTry: boolean,
): DeliveryStep {
  const boefjeMetaId = meta.raw_data.boefje_meta.id;
  let isFirst = isFirstTry;
  return {
    name,
    async send(signal) {
      if (!isFirst) {
        const there = await bytes.listRaws({ boefjeMetaId, mimeTypes: [mark], limit: 1 }, signal);
        if (there.length > 0) return;
      }
      isFirst = false;
      await bytes.saveRaws(boefjeMetaId, [{ mime_types: [...types, mark], content }], signal);
    },
  };
}

/** A scheduler that does not know the task (any more) needs not be told. */
async function toldUnlessGone(told: Promise<void>): Promise<void> {
  try {
    await told;
  } catch (error) {
    if (!(error instanceof WhiskersError) || error.code !== "upstream-refused") throw error;
  }
}
