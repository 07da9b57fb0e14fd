import { WhiskersError } from "../../errors.ts";
import type { Descriptor } from "../images/descriptor.ts";
import type { ImageStore } from "../images/image-store.ts";
import { choosePlatform, type ImageManifest, type ImageIndex } from "../images/manifest.ts";
import { formatReference, type Reference } from "../images/reference.ts";
import { inParallel } from "./in-parallel.ts";

/** A manifest or an index as it lies somewhere, byte for byte. */
export interface FetchedManifest {
  readonly descriptor: Descriptor;
  readonly text: Buffer;
  readonly manifest: ImageManifest | ImageIndex;
}

/** Where an image comes from: a registry, or a layout on the disk. */
export interface ImageSource {
  /** What the name stands for. Asked once. */
  top(signal: AbortSignal): Promise<FetchedManifest>;
  /** One of an index. */
  manifest(digest: string, signal: AbortSignal): Promise<FetchedManifest>;
  /** From a byte on. */
  blob(descriptor: Descriptor, offset: number, signal: AbortSignal): AsyncIterable<Buffer>;
}

export interface ManifestText {
  readonly digest: string;
  readonly text: Buffer;
}

export interface Pulled {
  readonly reference: Reference;
  /** What the reference is recorded as: an index when the name stands for one. */
  readonly descriptor: Descriptor;
  /** The image for this machine. */
  readonly image: Descriptor;
  readonly manifest: ImageManifest;
  readonly fetchedBlobs: number;
  readonly fetchedBytes: number;
  /** Bytes of blobs that were in the store. */
  readonly presentBytes: number;
}

export interface PullOptions {
  readonly signal: AbortSignal;
  /**
   * Called with what the name stands for and, of an index, the image that was chosen from it, before anything else is
   * fetched. What it throws ends the pull.
   */
  readonly admit?: (manifests: readonly ManifestText[], signal: AbortSignal) => Promise<void>;
  /** Bytes of blobs that are here, and that the image has in all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Of all blobs of an image, as its manifest says: before anything is fetched. */
const MOST_BYTES = 16 * 2 ** 30;
const AT_ONCE = 3;

/**
 * Brings an image into the store: blobs that are not there, then the manifest, then the reference, so that there
 * is nothing to be seen of an image that did not arrive whole. What was fetched of it stays for the next try.
 * @throws WhiskersError of the source's and of the store's; `image-too-large`, `image-invalid`
 */
export async function pullImage(
  store: ImageStore,
  source: ImageSource,
  reference: Reference,
  { signal, admit = async () => {}, onProgress = () => {} }: PullOptions,
): Promise<Pulled> {
  using _hold = await store.hold(signal);
  const top = await source.top(signal);
  const image = await imageOf(source, top, reference, signal);
  await admit(
    distinctManifests([top, image]).map(({ descriptor: { digest }, text }) => ({ digest, text })),
    signal,
  );
  const blobs = distinct([image.manifest.config, ...image.manifest.layers]);
  const total = blobs.reduce((sum, { size }) => sum + size, 0);
  if (total > MOST_BYTES) {
    throw new WhiskersError(
      "image-too-large",
      `${formatReference(reference)} has ${total} bytes, more than ${MOST_BYTES}`,
    );
  }
  let done = 0;
  let presentBytes = 0;
  let fetchedBlobs = 0;
  const advance = (bytes: number): void => {
    done += bytes;
    onProgress(done, total);
  };
  await inParallel(AT_ONCE, blobs, signal, async (blob, within) => {
    if ((await store.sizeOf(blob.digest)) === blob.size) {
      presentBytes += blob.size;
      advance(blob.size);
      return;
    }
    await store.put((offset) => counted(source.blob(blob, offset, within), offset, advance), blob);
    fetchedBlobs += 1;
  });
  for (const { descriptor, text } of distinctManifests([image, top])) await store.put(once(text), descriptor);
  await store.tag(reference, top.descriptor);
  return {
    reference,
    descriptor: top.descriptor,
    image: image.descriptor,
    manifest: image.manifest,
    fetchedBlobs,
    fetchedBytes: total - presentBytes,
    presentBytes,
  };
}

async function imageOf(
  source: ImageSource,
  top: FetchedManifest,
  reference: Reference,
  signal: AbortSignal,
): Promise<FetchedManifest & { readonly manifest: ImageManifest }> {
  if (top.manifest.kind === "manifest") return { ...top, manifest: top.manifest };
  const chosen = choosePlatform(top.manifest, formatReference(reference));
  const fetched = await source.manifest(chosen.digest, signal);
  if (fetched.manifest.kind === "manifest") return { ...fetched, manifest: fetched.manifest };
  throw new WhiskersError("image-invalid", `${formatReference(reference)}: an index of indexes`);
}

function distinct(descriptors: readonly Descriptor[]): readonly Descriptor[] {
  return [...new Map(descriptors.map((each) => [each.digest, each])).values()];
}

function distinctManifests(manifests: readonly FetchedManifest[]): readonly FetchedManifest[] {
  return [...new Map(manifests.map((each) => [each.descriptor.digest, each])).values()];
}

async function* counted(
  content: AsyncIterable<Buffer>,
  offset: number,
  advance: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  advance(offset);
  for await (const chunk of content) {
    advance(chunk.length);
    yield chunk;
  }
}

async function* once(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
}
