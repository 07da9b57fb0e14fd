import type { NormalizerMeta } from "../domain/meta.ts";
import type { Records } from "../domain/record.ts";

/** What one run gave, and what there is to say about it where it is kept outside of OpenKAT. */
export interface Output {
  readonly taskId: string;
  /** `sha256:<hex>` of the package; null: not known. */
  readonly packageDigest: string | null;
  readonly normalizer: NormalizerMeta["normalizer"];
  readonly meta: NormalizerMeta["raw_data"] | null;
  readonly records: Records;
}

/** One record as a normalizer may give it (protocol/schemas/openkat/1/record.json), and what is searched by. */
export interface OutputRecord {
  readonly kind: "object" | "declaration" | "affirmation" | "scan_profile" | "raw";
  readonly objectType: string | null;
  readonly primaryKey: string | null;
  readonly record: object;
}

/** Where an output came from, for whoever reads it elsewhere. */
export function originOf({ taskId, packageDigest, normalizer, meta }: Output): {
  readonly task: string;
  readonly normalizer: string;
  readonly version: string | null;
  readonly packageDigest: string | null;
  readonly organisation: string | null;
  readonly raw: string | null;
  readonly source: string | null;
  readonly validTime: string | null;
} {
  const boefje = meta?.boefje_meta;
  return {
    task: taskId,
    normalizer: normalizer.id,
    version: normalizer.version,
    packageDigest,
    organisation: boefje?.organization ?? null,
    raw: meta?.id ?? null,
    source: boefje?.input_ooi ?? null,
    validTime: boefje?.ended_at ?? null,
  };
}

/** Every record of an output, in the order in which its digest has them. */
export function* outputRecords({ records }: Output): Generator<OutputRecord> {
  for (const object of records.objects) {
    yield { kind: "object", ...keysOf(object), record: object };
  }
  for (const { object, end_valid_time } of records.declarations) {
    const record = { record_type: "declaration", object, end_valid_time };
    yield { kind: "declaration", ...keysOf(object), record };
  }
  for (const { object } of records.affirmations) {
    yield { kind: "affirmation", ...keysOf(object), record: { record_type: "affirmation", object } };
  }
  for (const profile of records.scanProfiles) {
    const record = { record_type: "scan_profile", ...profile };
    yield { kind: "scan_profile", objectType: null, primaryKey: profile.reference, record };
  }
  for (const { mime_types, content } of records.raws) {
    const text = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString("base64");
    const record = { record_type: "raw", mime_types, content: text };
    yield { kind: "raw", objectType: null, primaryKey: null, record };
  }
}

/** JSON Lines: where it came from and one record in each; none for a run that found nothing. */
export function* outputLines(output: Output): Generator<string> {
  const origin = JSON.stringify(originOf(output)).slice(0, -1);
  for (const { kind, record } of outputRecords(output)) {
    yield `${origin},"kind":"${kind}","record":${JSON.stringify(record)}}\n`;
  }
}

function keysOf(object: Records["objects"][number]): {
  readonly objectType: string;
  readonly primaryKey: string;
} {
  return { objectType: object.object_type, primaryKey: object.primary_key };
}
