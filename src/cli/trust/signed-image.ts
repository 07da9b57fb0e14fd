import { WhiskersError } from "../../errors.ts";
import type { Descriptor } from "../../packages/images/descriptor.ts";
import { MOST_MANIFEST_BYTES } from "../../packages/images/manifest.ts";
import { familiarReference, type Reference } from "../../packages/images/reference.ts";
import type { Images } from "../images/open-images.ts";
import { requireImage } from "../images/require-image.ts";

/** What is signed, or whose signature is checked. */
export interface SignedImage {
  readonly descriptor: Descriptor;
  readonly text: Buffer;
}

/**
 * What a reference names, in its registry or in the store.
 * @throws WhiskersError `image-missing`; those of the registry
 */
export async function signedImage(
  reference: Reference,
  isLocal: boolean,
  { store, client }: Images,
  signal: AbortSignal,
): Promise<SignedImage> {
  if (!isLocal) return client.manifest(reference, signal);
  const descriptor = await requireImage(store, reference);
  return { descriptor, text: await store.read(descriptor.digest, MOST_MANIFEST_BYTES) };
}

/**
 * A tag in a registry may have been moved by others since the image here was pushed.
 * @throws WhiskersError `usage`
 */
export async function requireSameHere(
  reference: Reference,
  { descriptor }: SignedImage,
  { store }: Images,
): Promise<void> {
  if (reference.digest !== null) return;
  const here = await store.resolve(reference);
  if (here === null || here.digest === descriptor.digest) return;
  throw new WhiskersError(
    "usage",
    `${familiarReference(reference)} is ${here.digest} here, and ${descriptor.digest} in its registry: push it first, ` +
      `or sign one of the two by its digest`,
  );
}
