import path from "node:path";

import type { Descriptor } from "../../packages/images/descriptor.ts";
import { openLayout } from "../../packages/images/layout.ts";
import { familiarReference, parseReference, type Reference } from "../../packages/images/reference.ts";
import { layoutSource } from "../../packages/registry/layout-ends.ts";
import { type ImageSource, pullImage, type PullOptions } from "../../packages/registry/pull-image.ts";
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
 * @throws WhiskersError `trust-refused`; those of pulling
 */
export async function findImage(
  given: string,
  { store, client, admission }: Images,
  signal: AbortSignal,
  onProgress?: PullOptions["onProgress"],
): Promise<ImageHere> {
  const location = parseImageLocation(given);
  const pull = async (
    source: ImageSource,
    reference: Reference,
    name?: string,
    admit?: PullOptions["admit"],
  ): Promise<ImageHere> => {
    const options = {
      signal,
      ...(onProgress === undefined ? {} : { onProgress }),
      ...(admit === undefined ? {} : { admit }),
    };
    const { image } = await pullImage(store, source, reference, options);
    return { name: name ?? image.digest, descriptor: image };
  };
  switch (location.kind) {
    case "registry": {
      const { reference } = location;
      const name = familiarReference(reference);
      admission.name(reference);
      const descriptor = await store.resolve(reference);
      if (descriptor === null) {
        return pull(registrySource(client, reference), reference, name, (manifests, within) =>
          admission.manifests(reference, manifests, within),
        );
      }
      await admission.stored(reference, descriptor.digest, signal);
      return { name, descriptor };
    }
    case "layout": {
      admission.local(given);
      const layout = await openLayout(location.folder);
      return pull(layoutSource(layout, location.name), localReference(location.folder));
    }
    case "archive":
      admission.local(given);
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
