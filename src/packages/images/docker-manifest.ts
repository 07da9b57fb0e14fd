import { readFile } from "node:fs/promises";
import path from "node:path";

import { hexOf, isDigest, parseDescriptor } from "./descriptor.ts";
import { parseJsonText } from "./json-text.ts";
import { parseManifestText } from "./manifest.ts";

/**
 * The manifest.json that `docker load` wants beside a layout: engines before version 25 know nothing else. It names the
 * same blobs.
 * @param folder of an image layout
 * @throws WhiskersError `image-invalid`
 */
export async function dockerManifest(folder: string): Promise<Buffer> {
  const index = parseJsonText(await readFile(path.join(folder, "index.json")), folder);
  const entries: unknown = index["manifests"];
  const images: object[] = [];
  for (const entry of Array.isArray(entries) ? entries : []) {
    const descriptor = parseDescriptor(entry);
    if (typeof descriptor === "string") continue;
    const { digest, annotations } = descriptor;
    const manifest = parseManifestText(await readFile(path.join(folder, fileOf(digest))), digest);
    if (manifest.kind !== "manifest") continue;
    images.push({
      Config: fileOf(manifest.config.digest),
      RepoTags: repoTags(annotations?.["org.opencontainers.image.ref.name"]),
      Layers: manifest.layers.map((layer) => fileOf(layer.digest)),
    });
  }
  return Buffer.from(JSON.stringify(images));
}

function fileOf(digest: string): string {
  return `blobs/sha256/${isDigest(digest) ? hexOf(digest) : ""}`;
}

/** A name without a tag, or with a digest, would make Docker refuse the whole archive. */
function repoTags(name: string | undefined): readonly string[] | null {
  return name !== undefined && /^[^@]+:[\w.-]+$/u.test(name) ? [name] : null;
}
