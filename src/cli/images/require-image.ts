import { WhiskersError } from "../../errors.ts";
import type { Descriptor } from "../../packages/images/descriptor.ts";
import type { ImageStore } from "../../packages/images/image-store.ts";
import { familiarReference, type Reference } from "../../packages/images/reference.ts";

/** What a reference names in the store. @throws WhiskersError `image-missing` */
export async function requireImage(store: ImageStore, reference: Reference): Promise<Descriptor> {
  const descriptor = await store.resolve(reference);
  if (descriptor !== null) return descriptor;
  throw new WhiskersError("image-missing", `${familiarReference(reference)} is not in the image store`);
}
