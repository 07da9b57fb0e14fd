import { createHash } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";

import { codeOf, isObject } from "../../domain/unknown.ts";
import type { Blobs } from "./blobs.ts";
import { type Descriptor, parseDescriptor } from "./descriptor.ts";
import { describeManifest } from "./manifest.ts";
import { formatReference, parseReference, type Reference } from "./reference.ts";
import { syncFolder, writeWhole } from "./write-whole.ts";

export interface Tagged {
  readonly reference: Reference;
  readonly descriptor: Descriptor;
  /** ISO 8601. */
  readonly taggedAt: string;
}

export interface References {
  /** Lets a reference name a manifest or an index that is in the store, instead of what it named before. */
  tag(reference: Reference, descriptor: Descriptor): Promise<void>;
  /**
   * What a reference names here; null when that is nothing. A digest wins over a tag, and needs no tag.
   * @throws WhiskersError `image-invalid` when the digest is that of something else
   */
  resolve(reference: Reference): Promise<Descriptor | null>;
  /** Everything that is tagged, by reference. */
  list(): Promise<readonly Tagged[]>;
  /** True when it was there. What it named stays until `gc`. */
  remove(reference: Reference): Promise<boolean>;
}

export function openReferences(store: string, blobs: Blobs): References {
  const folder = path.join(store, "references");
  const fileOf = (reference: Reference): string =>
    path.join(folder, `${createHash("sha256").update(formatReference(reference)).digest("hex")}.json`);

  return {
    async tag(reference, descriptor) {
      const document: Record<keyof Tagged, unknown> = {
        reference: formatReference(reference),
        descriptor,
        taggedAt: new Date().toISOString(),
      };
      await writeWhole(store, fileOf(reference), `${JSON.stringify(document, null, 2)}\n`);
    },

    async resolve(reference) {
      const tagged = await readTagged(fileOf(reference));
      if (tagged !== null) return tagged.descriptor;
      if (reference.digest === null || (await blobs.sizeOf(reference.digest)) === null) return null;
      return describeManifest(blobs, reference.digest);
    },

    async list() {
      const names = (await readdir(folder)).filter((name) => name.endsWith(".json"));
      const all = await Promise.all(names.map((name) => readTagged(path.join(folder, name))));
      return all
        .filter((tagged) => tagged !== null)
        .map((tagged) => ({ tagged, key: formatReference(tagged.reference) }))
        .toSorted((a, b) => (a.key < b.key ? -1 : 1))
        .map(({ tagged }) => tagged);
    },

    async remove(reference) {
      try {
        await rm(fileOf(reference));
      } catch (error) {
        if (codeOf(error) === "ENOENT") return false;
        throw error;
      }
      await syncFolder(folder);
      return true;
    },
  };
}

/** Null when it is not there, or holds nothing that we wrote. */
async function readTagged(file: string): Promise<Tagged | null> {
  try {
    const document: unknown = JSON.parse(await readFile(file, "utf8"));
    if (!isObject(document)) return null;
    const descriptor = parseDescriptor(document["descriptor"]);
    if (typeof descriptor === "string") return null;
    return {
      reference: parseReference(String(document["reference"])),
      descriptor,
      taggedAt: String(document["taggedAt"]),
    };
  } catch {
    return null;
  }
}
