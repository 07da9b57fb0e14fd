import { type Output, outputLines } from "../delivery/output.ts";
import type { DeliveryStep } from "../delivery/step.ts";
import type { NormalizerMeta } from "../domain/meta.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { DerivedRaw } from "../domain/record.ts";
import type { Bytes } from "../raw/bytes.ts";
import { depthOf, marksOf } from "./derived-raws.ts";

/** Saves the raw files that a run took out of its own, under the same run of the boefje. */
export function derivedRawSteps(
  bytes: Bytes,
  meta: NormalizerMeta,
  raws: readonly DerivedRaw[],
): readonly DeliveryStep[] {
  const marks = marksOf(meta.id, depthOf(meta.raw_data.mime_types) + 1, raws);
  return raws.map((raw, index) => rawStep(bytes, meta, `bytes/raw/${index}`, raw, marks[index] ?? ""));
}

/** Saves what a run gave, as a raw file of JSON Lines of type `whiskers/output`; its own raw files are saved as such. */
export function outputStep(bytes: Bytes, meta: NormalizerMeta, output: Output): DeliveryStep {
  const lines = [...outputLines({ ...output, records: { ...output.records, raws: [] } })];
  const raw = { mime_types: ["whiskers/output"], content: Buffer.from(lines.join("")) };
  const [mark = ""] = marksOf(meta.id, 0, [raw]);
  return rawStep(bytes, meta, "bytes/output", raw, mark);
}

/** Saves why a run failed, as a raw file of type `error/normalizer`. */
export function errorStep(
  bytes: Bytes,
  meta: NormalizerMeta,
  { code, message, guestError }: Extract<Outcome, { status: "failed" }>,
): DeliveryStep {
  const text = JSON.stringify({ normalizer: meta.normalizer, task: meta.id, code, message, guestError });
  const raw = { mime_types: ["error/normalizer"], content: Buffer.from(text) };
  const [mark = ""] = marksOf(meta.id, 0, [raw]);
  return rawStep(bytes, meta, "bytes/error", raw, mark);
}

/**
 * Looks first: Bytes would keep a file twice that is sent twice, and it may have been sent by an earlier try, by
 * another process, or before the task was retried.
 */
function rawStep(
  bytes: Bytes,
  meta: NormalizerMeta,
  name: string,
  { mime_types: types, content }: DerivedRaw,
  mark: string,
): DeliveryStep {
  const boefjeMetaId = meta.raw_data.boefje_meta.id;
  return {
    name,
    async send(signal) {
      const there = await bytes.listRaws({ boefjeMetaId, mimeTypes: [mark], limit: 1 }, signal);
      if (there.length > 0) return;
      await bytes.saveRaws(boefjeMetaId, [{ mime_types: [...types, mark], content }], signal);
    },
  };
}
