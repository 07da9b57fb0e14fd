import { createHash, randomUUID } from "node:crypto";

import { pythonUnixTime } from "../raw/secure-hash.ts";

/** BoefjeMeta as Bytes has it. */
export interface StoredBoefjeMeta {
  readonly id: string;
  readonly started_at: string;
  readonly ended_at: string;
  readonly boefje: { readonly id: string; readonly version: string | null };
  readonly input_ooi: string | null;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly organization: string;
  readonly runnable_hash: string | null;
  readonly environment: Readonly<Record<string, string>> | null;
}

export interface StoredNormalizerMeta {
  readonly id: string;
  readonly started_at: string;
  readonly ended_at: string;
  readonly normalizer: { readonly id: string; readonly version: string | null };
  readonly rawId: string;
}

/** A raw file's bytes: in memory, or made while they are read (very large, or never ending). */
export type RawContent = Uint8Array | (() => AsyncIterable<Uint8Array>);

interface StoredRaw {
  readonly id: string;
  readonly boefjeMetaId: string;
  readonly mimeTypes: readonly string[];
  readonly secureHash: string | null;
  readonly content: RawContent;
}

/** What Bytes keeps. */
export class RawStore {
  readonly boefjeMetas = new Map<string, StoredBoefjeMeta>();
  readonly normalizerMetas = new Map<string, StoredNormalizerMeta>();
  readonly raws = new Map<string, StoredRaw>();
  readonly #rawsByBoefjeMeta = new Map<string, StoredRaw[]>();
  readonly #normalized = new Set<string>();

  addBoefjeMeta(meta: StoredBoefjeMeta): void {
    this.boefjeMetas.set(meta.id, meta);
  }

  addNormalizerMeta(meta: StoredNormalizerMeta): void {
    this.normalizerMetas.set(meta.id, meta);
    this.#normalized.add(meta.rawId);
  }

  addRaw(raw: {
    readonly id?: string;
    readonly boefjeMetaId: string;
    readonly mimeTypes: readonly string[];
    readonly content: RawContent;
  }): string {
    const id = raw.id ?? randomUUID();
    const meta = this.boefjeMetas.get(raw.boefjeMetaId);
    if (meta === undefined) throw new Error(`no boefje meta ${raw.boefjeMetaId}`);
    const mimeTypes = [...new Set(raw.mimeTypes)];
    const secureHash = raw.content instanceof Uint8Array ? secureHashOf(raw.content, meta.ended_at) : null;
    const stored: StoredRaw = {
      id,
      boefjeMetaId: raw.boefjeMetaId,
      mimeTypes,
      secureHash,
      content: raw.content,
    };
    this.raws.set(id, stored);
    const siblings = this.#rawsByBoefjeMeta.get(raw.boefjeMetaId);
    if (siblings === undefined) this.#rawsByBoefjeMeta.set(raw.boefjeMetaId, [stored]);
    else siblings.push(stored);
    return id;
  }

  rawsOf(boefjeMetaId: string): readonly StoredRaw[] {
    return this.#rawsByBoefjeMeta.get(boefjeMetaId) ?? [];
  }

  isNormalized(rawId: string): boolean {
    return this.#normalized.has(rawId);
  }

  /** RawDataMeta of a raw, as the service answers it. */
  rawMeta(raw: StoredRaw): unknown {
    return {
      id: raw.id,
      boefje_meta: this.boefjeMetas.get(raw.boefjeMetaId),
      mime_types: raw.mimeTypes.map((value) => ({ value })),
      secure_hash: raw.secureHash,
      signing_provider_url: null,
      hash_retrieval_link: raw.secureHash === null ? null : raw.id,
    };
  }

  normalizerMeta(meta: StoredNormalizerMeta): unknown {
    const raw = this.raws.get(meta.rawId);
    const { rawId: _, ...rest } = meta;
    return { ...rest, raw_data: raw === undefined ? null : this.rawMeta(raw) };
  }
}

/** `sha512:<hex>` over the bytes followed by the boefje's end as Python prints a float of unix seconds. */
function secureHashOf(content: Uint8Array, endedAt: string): string {
  return `sha512:${createHash("sha512").update(content).update(pythonUnixTime(endedAt)).digest("hex")}`;
}
