import type { BoefjeMeta, NormalizerMeta, RawDataMeta } from "../domain/meta.ts";
import { isObject, messageOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";

/** `raw_meta_<id>.json` is small; its `arguments` hold one object. */
export const MOST_META_BYTES = 4 * 1024 * 1024;

/**
 * Reads what Bytes says of a raw file (its RawDataMeta as JSON). Keys that are not part of it are dropped;
 * so is `environment`, which holds the boefje's settings and with them API keys.
 * @param where how errors call it
 * @throws WhiskersError `input-unreadable`
 */
export function parseRawMeta(text: string, where: string): RawDataMeta {
  return rawDataMeta(new Reader(where, "", parseJson(text, where)));
}

/** Reads a whole NormalizerMeta, or a RawDataMeta, which has no `raw_data`. */
export function parseMeta(text: string, where: string): NormalizerMeta | RawDataMeta {
  const reader = new Reader(where, "", parseJson(text, where));
  if (!reader.has("raw_data")) return rawDataMeta(reader);
  return {
    id: reader.uuid("id"),
    raw_data: rawDataMeta(reader.object("raw_data")),
    normalizer: idAndVersion(reader.object("normalizer")),
    started_at: reader.text("started_at"),
    ended_at: reader.textOrNull("ended_at"),
  };
}

function parseJson(text: string, where: string): unknown {
  if (text.length > MOST_META_BYTES) {
    throw new WhiskersError("input-unreadable", `${where} is longer than ${MOST_META_BYTES} characters`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new WhiskersError("input-unreadable", `${where} is not JSON: ${messageOf(cause)}`, { cause });
  }
}

function rawDataMeta(reader: Reader): RawDataMeta {
  return {
    id: reader.uuid("id"),
    boefje_meta: boefjeMeta(reader.object("boefje_meta")),
    mime_types: reader.list("mime_types").map((entry) => ({ value: entry.text("value") })),
    secure_hash: reader.textOrNull("secure_hash"),
    signing_provider_url: reader.textOrNull("signing_provider_url"),
    hash_retrieval_link: reader.textOrNull("hash_retrieval_link"),
  };
}

function boefjeMeta(reader: Reader): BoefjeMeta {
  return {
    id: reader.uuid("id"),
    started_at: reader.text("started_at"),
    ended_at: reader.text("ended_at"),
    boefje: idAndVersion(reader.object("boefje")),
    input_ooi: reader.textOrNull("input_ooi"),
    arguments: reader.object("arguments").json,
    organization: reader.text("organization"),
    runnable_hash: reader.textOrNull("runnable_hash"),
    environment: null,
  };
}

function idAndVersion(reader: Reader): { readonly id: string; readonly version: string | null } {
  return { id: reader.text("id"), version: reader.textOrNull("version") };
}

/** One object of the meta, and where it stands, for errors. */
class Reader {
  readonly json: Readonly<Record<string, unknown>>;
  readonly #file: string;
  readonly #path: string;

  constructor(file: string, path: string, json: unknown) {
    this.#file = file;
    this.#path = path;
    if (!isObject(json)) throw this.#unexpected("", "an object");
    this.json = json;
  }

  has(key: string): boolean {
    return this.json[key] !== undefined;
  }

  text(key: string): string {
    const value = this.json[key];
    if (typeof value !== "string") throw this.#unexpected(`/${key}`, "a text");
    return value;
  }

  textOrNull(key: string): string | null {
    const value = this.json[key] ?? null;
    if (value !== null && typeof value !== "string") throw this.#unexpected(`/${key}`, "a text or null");
    return value;
  }

  uuid(key: string): string {
    const value = this.text(key);
    if (!UUID.test(value)) throw this.#unexpected(`/${key}`, "a UUID");
    return value;
  }

  object(key: string): Reader {
    return new Reader(this.#file, `${this.#path}/${key}`, this.json[key]);
  }

  list(key: string): readonly Reader[] {
    const value = this.json[key] ?? [];
    if (!Array.isArray(value) || value.length > 1024) {
      throw this.#unexpected(`/${key}`, "a list of at most 1024 objects");
    }
    return value.map((entry, index) => new Reader(this.#file, `${this.#path}/${key}/${index}`, entry));
  }

  #unexpected(path: string, expected: string): WhiskersError {
    const where = `${this.#path}${path}` || "the whole";
    return new WhiskersError("input-unreadable", `${this.#file}: ${where} is not ${expected}`);
  }
}

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/iu;
