import { createHash } from "node:crypto";

import type { Package } from "../../domain/package.ts";
import { isObject } from "../../domain/unknown.ts";
import type { BaseLayers } from "./base.ts";

/** Before the names of our annotations and labels. */
export const PREFIX = "whiskers.normalizer.";
/** A label with the whole normalizer.json, as it is in the package. */
export const MANIFEST_LABEL = `${PREFIX}manifest`;
/** An annotation and label: `none` when the image has no programs of its own to run on. */
export const BASE_ANNOTATION = `${PREFIX}base`;
export const NO_BASE = "none";

/** What a manifest says, for whoever looks at the image and does not unpack it. */
export function annotationsOf(
  { manifest, dependencies }: Package,
  manifestText: string,
  base: Pick<BaseLayers, "name" | "digest">,
): Readonly<Record<string, string>> {
  const json: unknown = JSON.parse(manifestText);
  const raw = isObject(json) ? json : {};
  const { id, name, description, version, consumes, produces, schema } = manifest;
  const known: Readonly<Record<string, string | null>> = {
    "org.opencontainers.image.title": name,
    "org.opencontainers.image.description": description,
    "org.opencontainers.image.version": version,
    "org.opencontainers.image.base.name": base.name,
    "org.opencontainers.image.base.digest": base.digest,
    [`${PREFIX}id`]: id,
    [`${PREFIX}consumes`]: JSON.stringify(consumes),
    [`${PREFIX}produces`]: JSON.stringify(produces),
    [`${PREFIX}environment`]: typeof raw["environment"] === "string" ? raw["environment"] : null,
    [`${PREFIX}entrypoint`]: JSON.stringify(raw["entrypoint"] ?? null),
    [`${PREFIX}schema`]: schema,
    [`${PREFIX}manifest-sha256`]: createHash("sha256").update(manifestText).digest("hex"),
    [`${PREFIX}dependencies`]: dependencies?.digest ?? null,
    [BASE_ANNOTATION]: base.name ?? NO_BASE,
  };
  const entries = Object.entries(known).filter((entry): entry is [string, string] => entry[1] !== null);
  return Object.fromEntries(entries.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
