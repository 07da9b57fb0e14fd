import { createHash } from "node:crypto";

import { type Descriptor, MEDIA_TYPES } from "../images/descriptor.ts";
import type { ImageStore } from "../images/image-store.ts";
import type { Reference } from "../images/reference.ts";
import type { RegistryClient } from "../registry/registry-client.ts";
import type { Attachment } from "./attachment.ts";
import { signaturesConfig } from "./sign-image.ts";
import { signatureTag, SIMPLE_SIGNING } from "./simple-signing.ts";

interface To {
  readonly client: RegistryClient;
  /** Registry and repository. */
  readonly reference: Reference;
  /** Digest of the manifest that it belongs to: there already. */
  readonly subject: string;
}

/** Brings to a registry what belongs to an image: as a referrer, or beside other signatures under their tag. */
export async function pushAttachment(
  store: ImageStore,
  { descriptor, text, manifest }: Attachment,
  to: To,
  signal: AbortSignal,
): Promise<void> {
  const { client, reference, subject } = to;
  const isReferrer = manifest.subject !== null;
  for (const blob of isReferrer ? [manifest.config, ...manifest.layers] : manifest.layers) {
    const content = (start: number, end: number): AsyncIterable<Buffer> =>
      store.part(blob.digest, start, end);
    await client.upload(reference, { descriptor: blob, content, from: [], onBytes: () => {} }, signal);
  }
  if (isReferrer) await client.putReferrer(reference, { descriptor, text, subject }, signal);
  else await addUnderTag(manifest.layers, to, signal);
}

/** What is under the tag stays there: others sign, too. */
async function addUnderTag(
  layers: readonly Descriptor[],
  { client, reference, subject }: To,
  signal: AbortSignal,
): Promise<void> {
  const tagged = { ...reference, tag: signatureTag(subject), digest: null };
  const found = await client.findManifest(tagged, signal);
  const others = found?.manifest.kind === "manifest" ? found.manifest.layers : [];
  const known = others.map((each) => each.annotations?.[SIMPLE_SIGNING.signature]);
  const added = layers.filter((each) => !known.includes(each.annotations?.[SIMPLE_SIGNING.signature]));
  if (added.length === 0) return;
  const all = [...others, ...added];
  const config = signaturesConfig(all.map(({ digest }) => digest));
  const described = describe(config, MEDIA_TYPES.config);
  await client.upload(
    reference,
    {
      descriptor: described,
      content: async function* content(start, end) {
        yield config.subarray(start, end);
      },
      from: [],
      onBytes: () => {},
    },
    signal,
  );
  const text = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config: described, layers: all }),
  );
  await client.putManifest(tagged, describe(text, MEDIA_TYPES.manifest), text, signal);
}

function describe(content: Buffer, mediaType: string): Descriptor {
  const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
  return { mediaType, digest, size: content.length };
}
