import type { Package, Requirements } from "../../domain/package.ts";
import { type Descriptor, MEDIA_TYPES } from "../images/descriptor.ts";
import type { ImageStore } from "../images/image-store.ts";
import { attachNew, type Attachment } from "../trust/attachment.ts";
import { CYCLONEDX, cycloneDx } from "./cyclonedx.ts";
import { listComponents } from "./list-components.ts";

/**
 * Lets a list of what is installed in an image belong to it, in the store. Whoever calls holds the store.
 * @param pkg with its dependencies installed
 */
export async function attachBom(
  store: ImageStore,
  image: Descriptor,
  pkg: Package,
  requirements: Requirements,
): Promise<Attachment | null> {
  if (pkg.dependencies === null) return null;
  const folders = { dependencies: pkg.dependencies.folder, folder: pkg.folder };
  const components = await listComponents(requirements, folders);
  return attachNew(store, image, {
    artifactType: CYCLONEDX,
    config: { mediaType: MEDIA_TYPES.empty, text: Buffer.from("{}") },
    layers: [{ mediaType: CYCLONEDX, content: cycloneDx(pkg, components) }],
  });
}
