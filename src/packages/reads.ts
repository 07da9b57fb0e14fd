import { didYouMean } from "../domain/closest.ts";
import type { Complaint } from "./manifest-error.ts";

const MOST = 64;
/** The fields of a NormalizerMeta; null: a value, or whatever is below it. */
interface Fields {
  readonly [name: string]: Fields | null;
}
const META: Fields = {
  id: null,
  raw_data: {
    id: null,
    boefje_meta: {
      id: null,
      started_at: null,
      ended_at: null,
      boefje: { id: null, version: null },
      input_ooi: null,
      arguments: null,
      organization: null,
      runnable_hash: null,
      environment: null,
    },
    mime_types: null,
    secure_hash: null,
    signing_provider_url: null,
    hash_retrieval_link: null,
  },
  normalizer: { id: null, version: null },
  started_at: null,
  ended_at: null,
};
/** Below these a name may be anything. */
const OPEN = /^raw_data\.boefje_meta\.(?:arguments|environment)\../u;

/** What a normalizer reads of the meta: paths of fields. Null: all of it. */
export function parseReads(value: unknown, complain: Complaint): readonly string[] | null {
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value) || value.length > MOST) {
    throw complain("reads", value, `a list of at most ${MOST} fields of the meta, or null`);
  }
  return value.map((entry: unknown, index) => {
    const problem = typeof entry === "string" ? problemOf(entry) : "";
    if (problem !== null) {
      throw complain(
        `reads[${index}]`,
        entry,
        `a field of the meta, such as "raw_data.mime_types"${problem}`,
      );
    }
    return String(entry);
  });
}

/** Null: there is such a field. */
function problemOf(path: string): string | null {
  if (OPEN.test(path)) return /^[\w.-]{1,256}$/u.test(path) ? null : "";
  let fields: Fields | null = META;
  for (const name of path.split(".")) {
    const known: Fields = fields ?? {};
    if (!Object.hasOwn(known, name)) return didYouMean(name, Object.keys(known));
    fields = known[name] ?? null;
  }
  return null;
}
