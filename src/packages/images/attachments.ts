import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";

import { codeOf } from "../../domain/unknown.ts";
import type { Blobs } from "./blobs.ts";
import { type Descriptor, hexOf, parseDescriptor } from "./descriptor.ts";
import { writeWhole } from "./write-whole.ts";

/**
 * What belongs to an image without being a part of it: its signatures, its list of components. Each is a manifest in
 * the store. `gc` keeps it as long as it keeps the image.
 */
export interface Attachments {
  /** Lets a manifest that is in the store belong to another one. Idempotent. */
  attach(subject: string, manifest: Descriptor): Promise<void>;
  /** What belongs to a manifest, by digest. */
  attached(subject: string): Promise<readonly Descriptor[]>;
}

/** One file each, `attached/<hex of the subject>/<hex>.json`, so that processes do not meet. */
export function openAttachments(store: string, blobs: Blobs): Attachments {
  const folderOf = (subject: string): string => path.join(store, "attached", hexOf(subject));
  return {
    async attach(subject, manifest) {
      const folder = folderOf(subject);
      await mkdir(folder, { recursive: true });
      await writeWhole(store, path.join(folder, `${hexOf(manifest.digest)}.json`), JSON.stringify(manifest));
    },
    async attached(subject) {
      const found: Descriptor[] = [];
      for (const name of (await namesIn(folderOf(subject))).toSorted()) {
        const descriptor = await readAttached(path.join(folderOf(subject), name));
        if (descriptor !== null && (await blobs.sizeOf(descriptor.digest)) !== null) found.push(descriptor);
      }
      return found;
    },
  };
}

/** Forgets what belongs to manifests that are not there any more. For `gc`, which holds the store. */
export async function removeOrphans(store: string): Promise<void> {
  const folder = path.join(store, "attached");
  // Not by `sizeOf`, which counts as a use.
  const there = new Set(await readdir(path.join(store, "blobs", "sha256")));
  for (const hex of await namesIn(folder)) {
    if (!there.has(hex)) await rm(path.join(folder, hex), { recursive: true, force: true });
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

/** Null: it is not there, or nothing that we wrote. */
async function readAttached(file: string): Promise<Descriptor | null> {
  try {
    const descriptor = parseDescriptor(JSON.parse(await readFile(file, "utf8")));
    return typeof descriptor === "string" ? null : descriptor;
  } catch {
    return null;
  }
}
