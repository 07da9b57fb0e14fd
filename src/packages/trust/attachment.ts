import type { Descriptor } from "../images/descriptor.ts";
import type { ImageStore } from "../images/image-store.ts";
import { type ImageManifest, MOST_MANIFEST_BYTES, parseManifestText } from "../images/manifest.ts";

/** A manifest that belongs to an image: a signature, a list of components. */
export interface Attachment {
  /** With its artifact type and annotations, as lists of referrers have them. */
  readonly descriptor: Descriptor;
  readonly text: Buffer;
  readonly manifest: ImageManifest;
}

/** One from the text of its manifest; null: an index is none. @throws WhiskersError `image-invalid` */
export function attachmentFrom(descriptor: Descriptor, text: Buffer): Attachment | null {
  const manifest = parseManifestText(text, descriptor.digest);
  if (manifest.kind === "index") return null;
  const { mediaType, artifactType, config, annotations } = manifest;
  const described = {
    mediaType,
    digest: descriptor.digest,
    size: text.length,
    // As the distribution specification says what a list of referrers has.
    artifactType: artifactType ?? config.mediaType,
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
  return { descriptor: described, text, manifest };
}

/** What belongs to a manifest in the store. */
export async function storedAttachments(store: ImageStore, subject: string): Promise<readonly Attachment[]> {
  const found: Attachment[] = [];
  for (const descriptor of await store.attached(subject)) {
    const text = await store.read(descriptor.digest, MOST_MANIFEST_BYTES);
    const attachment = attachmentFrom(descriptor, text);
    if (attachment !== null) found.push(attachment);
  }
  return found;
}

export interface Parts {
  readonly artifactType: string | null;
  readonly config: { readonly mediaType: string; readonly text: Buffer };
  readonly layers: readonly {
    readonly mediaType: string;
    readonly content: Buffer;
    readonly annotations?: Readonly<Record<string, string>>;
  }[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * Makes a manifest in the store that belongs to another. There is no time in it: the same parts, the same digest.
 * Whoever calls holds the store.
 * @param subject named in the manifest, unless it is of a kind that has its own tag
 */
export async function attachNew(
  store: ImageStore,
  subject: Descriptor,
  { artifactType, config, layers, annotations }: Parts,
): Promise<Attachment> {
  const described: Descriptor[] = [];
  for (const { mediaType, content, annotations: own } of layers) {
    const { digest, size } = await store.put(once(content), { mediaType });
    described.push({ mediaType, digest, size, ...(own === undefined ? {} : { annotations: own }) });
  }
  const { mediaType, digest, size } = subject;
  const document = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    ...(artifactType === null ? {} : { artifactType }),
    config: await store.put(once(config.text), { mediaType: config.mediaType }),
    layers: described,
    ...(artifactType === null ? {} : { subject: { mediaType, digest, size } }),
    ...(annotations === undefined ? {} : { annotations }),
  };
  const text = Buffer.from(JSON.stringify(document));
  const stored = await store.put(once(text), { mediaType: document.mediaType });
  const attachment = attachmentFrom(stored, text);
  if (attachment === null) throw new Error("an index was made");
  await store.attach(digest, attachment.descriptor);
  return attachment;
}

async function* once(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
}
