/**
 * The JSON shapes that OpenKAT gives a normalizer with a raw file: NormalizerMeta as Bytes has
 * it, with the boefje's run inside. Field names are OpenKAT's, so they stay in snake case.
 */
export interface BoefjeMeta {
  readonly id: string;
  readonly started_at: string;
  readonly ended_at: string;
  readonly boefje: { readonly id: string; readonly version: string | null };
  /** Primary key of the object that was scanned, or null. */
  readonly input_ooi: string | null;
  /** `input` holds the scanned object in OpenKAT's `serialize()` form. */
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly organization: string;
  readonly runnable_hash?: string | null;
  readonly environment?: Readonly<Record<string, string>> | null;
}

export interface RawDataMeta {
  readonly id: string;
  readonly boefje_meta: BoefjeMeta;
  readonly mime_types: readonly { readonly value: string }[];
  readonly secure_hash?: string | null;
  readonly signing_provider_url?: string | null;
  readonly hash_retrieval_link?: string | null;
}

export interface NormalizerMeta {
  /** Equals the task's id. */
  readonly id: string;
  readonly raw_data: RawDataMeta;
  readonly normalizer: { readonly id: string; readonly version: string | null };
  readonly started_at: string;
  readonly ended_at: string | null;
}
