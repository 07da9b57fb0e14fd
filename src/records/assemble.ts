import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

import type { DerivedRaw, OpenKatObject, Records, ScanProfile } from "../domain/record.ts";
import { objectOf } from "./draft.ts";
import type { Draft } from "./draft.ts";
import { mergeInto } from "./merge.ts";
import type { Pacer } from "./pacer.ts";
import { Problem, shown, shownText } from "./problem.ts";
import type { ReadRecord } from "./read-record.ts";
import type { Rejections } from "./rejections.ts";

/** The result of a run: what is sound, merged by primary key, each at the place of its first variant. */
export async function assemble(
  read: readonly ReadRecord[],
  byId: ReadonlyMap<string, Draft>,
  rejections: Rejections,
  pacer: Pacer,
): Promise<Records> {
  const objects = new Map<string, OpenKatObject>();
  const declarations = new Map<string, { object: OpenKatObject; end_valid_time: string | null }>();
  const affirmations = new Map<string, { object: OpenKatObject }>();
  const scanProfiles: ScanProfile[] = [];
  const raws: DerivedRaw[] = [];
  for (const record of read) {
    switch (record.kind) {
      case "object":
        addVariant(objects, record.draft, (object) => object);
        break;
      case "declaration": {
        const { endValidTime } = record;
        const declaration = addVariant(declarations, record.draft, (object) => ({
          object,
          end_valid_time: null,
        }));
        if (declaration !== null && endValidTime !== null) declaration.end_valid_time = endValidTime;
        break;
      }
      case "affirmation":
        addVariant(affirmations, record.draft, (object) => ({ object }));
        break;
      case "scan_profile": {
        const profile = resolveProfile(record, byId, rejections);
        if (profile !== null) scanProfiles.push(profile);
        break;
      }
      case "raw":
        raws.push(record.raw);
        break;
      case "reference":
        break;
    }
    if (pacer.isDue()) await pacer.rest();
  }
  const lists = {
    objects: [...objects.values()],
    declarations: [...declarations.values()],
    affirmations: [...affirmations.values()],
    scanProfiles,
    raws,
  };
  // Not waited for here: what it was made of can go.
  return withDigest(lists, rejections, pacer);
}

async function withDigest(lists: Lists, rejections: Rejections, pacer: Pacer): Promise<Records> {
  const { sha256, objectsJson } = await digest(lists, pacer);
  return {
    ...lists,
    objectsJson,
    rejections: rejections.kept(),
    rejectionsDropped: rejections.dropped,
    recordsRejected: rejections.records,
    sha256,
  };
}

function addVariant<T extends { readonly object: OpenKatObject } | OpenKatObject>(
  known: Map<string, T>,
  draft: Draft,
  wrap: (object: OpenKatObject) => T,
): T | null {
  if (draft.state !== "keyed" || draft.key === null) return null;
  const earlier = known.get(draft.key);
  if (earlier === undefined) {
    const made = wrap(objectOf(draft));
    known.set(draft.key, made);
    return made;
  }
  const object = "object_type" in earlier ? earlier : earlier.object;
  mergeInto(object, draft.values);
  return earlier;
}

function resolveProfile(
  profile: Extract<ReadRecord, { kind: "scan_profile" }>,
  byId: ReadonlyMap<string, Draft>,
  rejections: Rejections,
): ScanProfile | null {
  const { id, record, level, userId } = profile;
  const target = id === null ? undefined : byId.get(id);
  const reference = id === null ? profile.reference : target?.state === "keyed" ? target.key : null;
  if (reference !== null) return { reference, level, user_id: userId };
  if (target === undefined) {
    const reason = `bad reference: no object of this output has the $id ${shown(id)}`;
    rejections.add(record, new Problem(reason, "/reference"), null);
  } else {
    const reason = `refers to #${shownText(id ?? "")} (record ${target.record}), which was rejected`;
    rejections.addConsequence(record, new Problem(reason, "/reference"), null);
  }
  return null;
}

type Lists = Pick<Records, "objects" | "declarations" | "affirmations" | "scanProfiles" | "raws">;

/** Canonical records: one JSON text each, fields in the schema's order, in the order of the lists, after the objects. */
function* otherLines({ declarations, affirmations, scanProfiles, raws }: Lists): Generator<string, void> {
  for (const declaration of declarations) {
    yield JSON.stringify({ record_type: "declaration", ...declaration });
  }
  for (const affirmation of affirmations) {
    yield JSON.stringify({ record_type: "affirmation", ...affirmation });
  }
  for (const profile of scanProfiles) yield JSON.stringify({ record_type: "scan_profile", ...profile });
  for (const { mime_types: mimeTypes, content } of raws) {
    const base64 = Buffer.from(content).toString("base64");
    yield JSON.stringify({ record_type: "raw", mime_types: mimeTypes, content: base64 });
  }
}

const BATCH_LINES = 512;

/** Over the canonical lines; the objects' are made once, for this and for whoever needs them as text. */
async function digest(
  lists: Lists,
  pacer: Pacer,
): Promise<{ readonly sha256: string; readonly objectsJson: string }> {
  const hash = createHash("sha256");
  const texts: string[] = [];
  for (let from = 0; from < lists.objects.length; from += BATCH_LINES) {
    const batch = lists.objects.slice(from, from + BATCH_LINES).map((object) => JSON.stringify(object));
    hash.update(`${batch.join("\n")}\n`);
    texts.push(batch.join(","));
    if (pacer.isDue()) await pacer.rest();
  }
  for (const line of otherLines(lists)) {
    hash.update(`${line}\n`);
    if (pacer.isDue()) await pacer.rest();
  }
  return { sha256: hash.digest("hex"), objectsJson: `[${texts.join(",")}]` };
}
