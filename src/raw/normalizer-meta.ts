import type { BoefjeMeta, NormalizerMeta, RawDataMeta } from "../domain/meta.ts";
import { derivedId } from "./derived-id.ts";
import type { Input } from "./input.ts";

/** What a person says of the inputs beside what is known. */
export interface MetaOverrides {
  /** Replaces the mime types of every input. */
  readonly mimeTypes?: readonly string[];
  /** The object that was scanned: `arguments.input` and `input_ooi`. */
  readonly inputOoi?: { readonly input: unknown; readonly primaryKey: string | null };
  /** Takes the place of what is known of the raw, or of the whole. */
  readonly meta?: NormalizerMeta | RawDataMeta;
}

/** Of a run on this machine no time is known, and the same input must give the same output. */
const NO_TIME = "1970-01-01T00:00:00Z";

/**
 * The NormalizerMeta that a normalizer gets with an input. Everything in it follows from the input's bytes,
 * its raw meta and the overrides: no clock, no chance.
 */
export function normalizerMeta(
  input: Input,
  normalizer: { readonly id: string; readonly version: string | null },
  overrides: MetaOverrides = {},
): NormalizerMeta {
  const { meta } = overrides;
  const whole = meta !== undefined && "raw_data" in meta ? meta : null;
  const rawMeta =
    whole?.raw_data ??
    (meta !== undefined && "boefje_meta" in meta ? meta : null) ??
    input.rawMeta ??
    inventedRawMeta(input, normalizer.id);
  return {
    id: whole?.id ?? derivedId("normalizer-meta", `${normalizer.id}\0${rawMeta.id}`),
    raw_data: {
      ...rawMeta,
      mime_types: overrides.mimeTypes?.map((value) => ({ value })) ?? rawMeta.mime_types,
      boefje_meta: withInputOoi(rawMeta.boefje_meta, overrides.inputOoi),
    },
    normalizer: whole?.normalizer ?? { id: normalizer.id, version: normalizer.version },
    started_at: whole?.started_at ?? NO_TIME,
    ended_at: whole?.ended_at ?? null,
  };
}

/** A bare file is as if uploaded by hand for this normalizer. */
function inventedRawMeta({ raw }: Input, normalizerId: string): RawDataMeta {
  return {
    id: raw.id,
    boefje_meta: {
      id: derivedId("boefje-meta", raw.id),
      started_at: NO_TIME,
      ended_at: NO_TIME,
      boefje: { id: "manual", version: null },
      input_ooi: null,
      arguments: {},
      organization: "local",
      runnable_hash: null,
      environment: null,
    },
    mime_types: [{ value: "boefje/manual" }, { value: `normalizer/${normalizerId}` }],
    secure_hash: null,
    signing_provider_url: null,
    hash_retrieval_link: null,
  };
}

function withInputOoi(boefjeMeta: BoefjeMeta, inputOoi: MetaOverrides["inputOoi"]): BoefjeMeta {
  if (inputOoi === undefined) return boefjeMeta;
  return {
    ...boefjeMeta,
    input_ooi: inputOoi.primaryKey ?? boefjeMeta.input_ooi,
    arguments: { ...boefjeMeta.arguments, input: inputOoi.input },
  };
}
