import type { RawDataMeta } from "../../domain/meta.ts";
import { isObject } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { retrying } from "../../http/retrying.ts";
import type { Bytes } from "../../raw/bytes.ts";
import type { RawSelection } from "./raw-selection.ts";

/** Bytes has no pages and no order: it must give all of them at once. Each is a kilobyte or two. */
const MOST_LISTED = 20_000;
/** Of a request to Bytes or the scheduler that a command makes. */
export const COMMAND_RETRY = { attempts: 5, baseMs: 100, capMs: 2000 };

/**
 * Raw files in Bytes that a normalizer consumes, the newest first; none of a failed scan. Bytes gives raws that have
 * all of the mime types it is asked for, so each is asked for alone.
 * @throws WhiskersError `upstream-*`
 */
export async function listStoredRaws(
  bytes: Bytes,
  consumes: readonly string[],
  { sinceMs, organisation, limit }: RawSelection,
  signal: AbortSignal,
): Promise<readonly RawDataMeta[]> {
  const found = new Map<string, RawDataMeta>();
  for (const type of consumes) {
    const list = await retrying(COMMAND_RETRY, signal, () =>
      bytes.listRaws({ mimeTypes: [type], limit: MOST_LISTED }, signal),
    );
    if (list.length >= MOST_LISTED) {
      const message = `Bytes holds ${MOST_LISTED} raw files or more of type ${type}, and cannot list them in parts`;
      throw new WhiskersError("upstream-refused", message);
    }
    for (const raw of list) if (isUsable(raw)) found.set(raw.id, raw);
  }
  return [...found.values()]
    .filter(({ boefje_meta: meta, mime_types: types }) => {
      const isFailed = types.some(({ value }) => value.startsWith("error/"));
      const isTheirs = organisation !== null && meta.organization !== organisation;
      return !isFailed && !isTheirs && Date.parse(meta.ended_at) >= sinceMs;
    })
    .toSorted((a, b) => Date.parse(b.boefje_meta.ended_at) - Date.parse(a.boefje_meta.ended_at))
    .slice(0, limit);
}

/** What comes from a service is checked where it is used. */
function isUsable(raw: unknown): raw is RawDataMeta {
  if (!isObject(raw) || typeof raw["id"] !== "string" || !Array.isArray(raw["mime_types"])) return false;
  const meta = raw["boefje_meta"];
  return (
    raw["mime_types"].every((type) => isObject(type) && typeof type["value"] === "string") &&
    isObject(meta) &&
    isObject(meta["boefje"]) &&
    typeof meta["id"] === "string" &&
    typeof meta["organization"] === "string" &&
    typeof meta["ended_at"] === "string"
  );
}
