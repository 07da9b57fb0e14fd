import type { Blobs } from "../images/blobs.ts";
import type { Descriptor } from "../images/descriptor.ts";
import type { ImageStore } from "../images/image-store.ts";
import type { Layout } from "../images/layout.ts";
import { MOST_MANIFEST_BYTES, parseManifestText } from "../images/manifest.ts";
import type { FetchedManifest, ImageSource } from "./pull-image.ts";
import type { ImageTarget } from "./push-image.ts";

/** An image in a layout on the disk, to be pulled. */
export function layoutSource(layout: Layout, name: string | null): ImageSource {
  const { blobs } = layout;
  const read = (digest: string): Promise<FetchedManifest> => readWhole(blobs, digest);
  return {
    top: async () => read((await layout.find(name)).digest),
    manifest: read,
    blob: ({ digest, size }, offset) => blobs.part(digest, offset, size),
  };
}

/** An image of the store, looked at like one of elsewhere. */
export function storeSource(store: ImageStore, { digest: named }: Descriptor): ImageSource {
  return {
    top: () => readWhole(store, named),
    manifest: (digest) => readWhole(store, digest),
    blob: ({ digest }) => store.open(digest),
  };
}

async function readWhole(blobs: Blobs, digest: string): Promise<FetchedManifest> {
  const text = await blobs.read(digest, MOST_MANIFEST_BYTES);
  const manifest = parseManifestText(text, digest);
  return { descriptor: { mediaType: manifest.mediaType, digest, size: text.length }, text, manifest };
}

/** A layout on the disk that an image is pushed to. */
export function layoutTarget(layout: Layout, store: ImageStore, name: string | null): ImageTarget {
  return {
    async blob(descriptor, onBytes) {
      const { digest, size } = descriptor;
      const isThere = (await layout.blobs.sizeOf(digest)) === size;
      if (!isThere) await layout.blobs.put(store.open(digest), descriptor);
      onBytes(size);
      return isThere ? "there" : "uploaded";
    },
    async manifest(descriptor, text, isTop) {
      await layout.blobs.put(once(text), descriptor);
      if (isTop) await layout.add(descriptor, name);
    },
  };
}

async function* once(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
}
