import { WhiskersError } from "../../errors.ts";
import type { Descriptor } from "../images/descriptor.ts";
import type { ImageStore } from "../images/image-store.ts";
import type { Reference } from "../images/reference.ts";
import type { RegistryClient } from "../registry/registry-client.ts";
import { type Attachment, attachmentFrom, storedAttachments } from "../trust/attachment.ts";
import { readBlob } from "../trust/read-blob.ts";
import { CYCLONEDX } from "./cyclonedx.ts";

/** What a list of components may be long. */
const MOST_BYTES = 32 * 2 ** 20;
/** Whoever may push to a registry may push more. */
const MOST_REFERRERS = 64;

/** The software bill of materials that belongs to an image in the store; null: there is none. @throws `image-too-large` */
export async function storedBom(store: ImageStore, digest: string): Promise<Buffer | null> {
  for (const attachment of await storedAttachments(store, digest)) {
    const layer = layerOf(attachment);
    if (layer !== null) return readBlob(store.open(layer.digest), layer);
  }
  return null;
}

/** The same in its registry, by the image's digest. @throws WhiskersError those of the registry; `image-too-large` */
export async function registryBom(
  client: RegistryClient,
  reference: Reference,
  signal: AbortSignal,
): Promise<Buffer | null> {
  const referrers = await client.referrers(reference, CYCLONEDX, signal);
  for (const { digest } of referrers.slice(0, MOST_REFERRERS)) {
    const found = await client.findManifest({ ...reference, digest }, signal);
    const attachment = found === null ? null : attachmentFrom(found.descriptor, found.text);
    const layer = attachment === null ? null : layerOf(attachment);
    if (layer !== null) return readBlob(client.blob(reference, layer, 0, signal), layer);
  }
  return null;
}

function layerOf({ manifest }: Attachment): Descriptor | null {
  const layer = manifest.layers.find(({ mediaType }) => mediaType === CYCLONEDX);
  if (layer === undefined) return null;
  if (layer.size <= MOST_BYTES) return layer;
  throw new WhiskersError("image-too-large", `${layer.digest} has more than ${MOST_BYTES} bytes`);
}
