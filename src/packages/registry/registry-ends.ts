import type { ImageStore } from "../images/image-store.ts";
import { readManifest } from "../images/manifest.ts";
import type { Reference } from "../images/reference.ts";
import type { ImageSource } from "./pull-image.ts";
import type { ImageTarget } from "./push-image.ts";
import type { RegistryClient } from "./registry-client.ts";

/** An image in a registry, to be pulled. */
export function registrySource(client: RegistryClient, reference: Reference): ImageSource {
  return {
    top: (signal) => client.manifest(reference, signal),
    manifest: (digest, signal) => client.manifest({ ...reference, digest }, signal),
    blob: (descriptor, offset, signal) => client.blob(reference, descriptor, offset, signal),
  };
}

/** An image in a registry, to be pushed. What the store knows to be in other repositories there is mounted. */
export async function registryTarget(
  client: RegistryClient,
  store: ImageStore,
  reference: Reference,
): Promise<ImageTarget> {
  const elsewhere = await blobsElsewhere(store, reference);
  return {
    blob: (descriptor, onBytes, signal) =>
      client.upload(
        reference,
        {
          descriptor,
          content: (start, end) => store.part(descriptor.digest, start, end),
          from: elsewhere.get(descriptor.digest) ?? [],
          onBytes,
        },
        signal,
      ),
    manifest: (descriptor, text, isTop, signal) =>
      client.putManifest(
        isTop ? reference : { ...reference, digest: descriptor.digest },
        descriptor,
        text,
        signal,
      ),
  };
}

/** Repositories that are asked, at most: each is a request. */
const MOST_ASKED = 3;

/** Blobs of images that are named after other repositories of the same registry: very likely they are there. */
async function blobsElsewhere(
  store: ImageStore,
  { registry, repository }: Reference,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, string[]>();
  for (const tagged of await store.list()) {
    const from = tagged.reference.repository;
    if (tagged.reference.registry !== registry || from === repository) continue;
    const manifest = await readManifest(store, tagged.descriptor.digest).catch(() => null);
    if (manifest?.kind !== "manifest") continue;
    for (const { digest } of [manifest.config, ...manifest.layers]) {
      const known = found.get(digest) ?? [];
      if (known.length < MOST_ASKED && !known.includes(from)) found.set(digest, [...known, from]);
    }
  }
  return found;
}
