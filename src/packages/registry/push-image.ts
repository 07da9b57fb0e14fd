import { WhiskersError } from "../../errors.ts";
import type { Descriptor } from "../images/descriptor.ts";
import type { ImageStore } from "../images/image-store.ts";
import { MOST_MANIFEST_BYTES, parseManifestText, platformText } from "../images/manifest.ts";
import { inParallel } from "./in-parallel.ts";
import type { Uploaded } from "./upload-blob.ts";

/** Where an image goes to: a registry, or a layout on the disk. */
export interface ImageTarget {
  /** @param onBytes called with how many of its bytes are there by now */
  blob(descriptor: Descriptor, onBytes: (bytes: number) => void, signal: AbortSignal): Promise<Uploaded>;
  /** @param isTop it gets the name, too */
  manifest(descriptor: Descriptor, text: Buffer, isTop: boolean, signal: AbortSignal): Promise<void>;
}

export interface Pushed {
  readonly descriptor: Descriptor;
  readonly blobs: Readonly<Record<Uploaded, number>>;
  readonly uploadedBytes: number;
}

export interface PushOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

interface Part {
  readonly descriptor: Descriptor;
  readonly text: Buffer;
}

const AT_ONCE = 3;

/**
 * Brings an image of the store to a target: blobs first, then manifests, then the one that has the name.
 * @throws WhiskersError of the target's; `image-missing` when a part is not in the store; `image-damaged`
 */
export async function pushImage(
  store: ImageStore,
  descriptor: Descriptor,
  target: ImageTarget,
  { signal, onProgress = () => {} }: PushOptions,
): Promise<Pushed> {
  using _hold = await store.hold(signal);
  const { manifests, blobs } = await partsOf(store, descriptor);
  const total = blobs.reduce((sum, { size }) => sum + size, 0);
  const there = new Map<string, number>();
  const counts = { there: 0, mounted: 0, uploaded: 0 };
  let uploadedBytes = 0;
  await inParallel(AT_ONCE, blobs, signal, async (blob, within) => {
    const onBytes = (bytes: number): void => {
      there.set(blob.digest, bytes);
      onProgress(
        [...there.values()].reduce((sum, each) => sum + each, 0),
        total,
      );
    };
    const how = await target.blob(blob, onBytes, within);
    counts[how] += 1;
    if (how === "uploaded") uploadedBytes += blob.size;
  });
  for (const { descriptor: each, text } of manifests) {
    await target.manifest(each, text, each.digest === descriptor.digest, signal);
  }
  return { descriptor, blobs: counts, uploadedBytes };
}

/** Everything that belongs to an image, the manifests in the order in which they may be there. */
async function partsOf(
  store: ImageStore,
  descriptor: Descriptor,
): Promise<{ readonly manifests: readonly Part[]; readonly blobs: readonly Descriptor[] }> {
  const text = await store.read(descriptor.digest, MOST_MANIFEST_BYTES);
  const top = parseManifestText(text, descriptor.digest);
  const blobs = new Map<string, Descriptor>();
  if (top.kind === "manifest") {
    for (const each of [top.config, ...top.layers]) blobs.set(each.digest, each);
    return { manifests: [{ descriptor, text }], blobs: [...blobs.values()] };
  }
  const manifests: Part[] = [];
  for (const child of top.manifests) {
    if ((await store.sizeOf(child.digest)) === null) {
      const which = child.platform === undefined ? child.digest : platformText(child.platform);
      throw new WhiskersError(
        "image-missing",
        `${descriptor.digest} is an index, and its image for ${which} is not here; one image of it can be pushed by its digest`,
      );
    }
    const parts = await partsOf(store, child);
    manifests.push(...parts.manifests);
    for (const each of parts.blobs) blobs.set(each.digest, each);
  }
  return { manifests: [...manifests, { descriptor, text }], blobs: [...blobs.values()] };
}
