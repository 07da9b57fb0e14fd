import path from "node:path";

import type { Descriptor } from "../../packages/images/descriptor.ts";
import { openLayout } from "../../packages/images/layout.ts";
import { familiarReference, parseReference, type Reference } from "../../packages/images/reference.ts";
import { layoutSource } from "../../packages/registry/layout-ends.ts";
import { type ImageSource, pullImage } from "../../packages/registry/pull-image.ts";
import { registrySource } from "../../packages/registry/registry-ends.ts";
import { parseImageLocation } from "./image-location.ts";
import type { Images } from "./open-images.ts";
import { fromArchive } from "./with-archive.ts";

export interface ImageHere {
  /** What was asked for, or its digest: where on the disk it came from says nothing about it. */
  readonly name: string;
  readonly descriptor: Descriptor;
}

/**
 * An image, brought into the store when it is not there: a reference, `oci:FOLDER[:NAME]`, `FILE.tar`.
 * @throws WhiskersError those of pulling
 */
export async function findImage(
  given: string,
  { store, client }: Images,
  signal: AbortSignal,
): Promise<ImageHere> {
  const location = parseImageLocation(given);
  const pull = async (source: ImageSource, reference: Reference, name?: string): Promise<ImageHere> => {
    const { image } = await pullImage(store, source, reference, { signal });
    return { name: name ?? image.digest, descriptor: image };
  };
  switch (location.kind) {
    case "registry": {
      const { reference } = location;
      const name = familiarReference(reference);
      const descriptor = await store.resolve(reference);
      if (descriptor !== null) return { name, descriptor };
      return pull(registrySource(client, reference), reference, name);
    }
    case "layout": {
      const layout = await openLayout(location.folder);
      return pull(layoutSource(layout, location.name), localReference(location.folder));
    }
    case "archive":
      return fromArchive(location.file, store, signal, (layout) =>
        pull(layoutSource(layout, null), localReference(location.file)),
      );
  }
}

/** What an image from the disk is called here. */
function localReference(file: string): Reference {
  const name = path
    .basename(file, ".tar")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/gu, "-");
  return parseReference(`from-disk/${name.replaceAll(/^-|-$/gu, "") || "image"}`);
}
