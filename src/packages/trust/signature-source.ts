import { WhiskersError } from "../../errors.ts";
import { type Descriptor, MEDIA_TYPES } from "../images/descriptor.ts";
import type { ImageStore } from "../images/image-store.ts";
import type { Reference } from "../images/reference.ts";
import type { RegistryClient } from "../registry/registry-client.ts";
import { type Attachment, attachmentFrom, storedAttachments } from "./attachment.ts";
import { readBlob } from "./read-blob.ts";
import { signatureTag } from "./simple-signing.ts";
import { SIGSTORE_BUNDLE } from "./sigstore-bundle.ts";

/** Where signatures of images are looked for. */
export interface SignatureSource {
  /** What belongs to a manifest and may be a signature of it; what is broken, as a text that says why. */
  attachments(digest: string, signal: AbortSignal): AsyncIterable<Attachment | string>;
  /** A blob of one, whole, as its descriptor says. @throws WhiskersError `content-mismatch`; those of the source */
  blob(descriptor: Descriptor, signal: AbortSignal): Promise<Buffer>;
}

/** What refers to one image and is looked at, at most. Whoever may push to a registry may push more. */
const MOST_REFERRERS = 64;

/** In the repository of an image: by the tag of the older form, and what refers to the image. */
export function registrySignatures(client: RegistryClient, reference: Reference): SignatureSource {
  const within = (digest: string): Reference => ({ ...reference, tag: null, digest });
  return {
    async *attachments(digest, signal) {
      const older = { ...reference, tag: signatureTag(digest), digest: null };
      yield* await find(client, older, signal);
      const referrers = (await client.referrers(within(digest), null, signal)).filter(mayBeBundle);
      if (referrers.length > MOST_REFERRERS) {
        yield `${referrers.length} bundles refer to ${digest}: ${MOST_REFERRERS} of them were looked at`;
      }
      for (const { digest: found, annotations } of referrers.slice(0, MOST_REFERRERS)) {
        const says = annotations?.["dev.sigstore.bundle.predicateType"];
        // Statements of other kinds, such as an SBOM, can be large.
        if (says !== undefined && says !== SIGSTORE_BUNDLE.predicateType) continue;
        yield* await find(client, within(found), signal);
      }
    },
    blob: (descriptor, signal) => readBlob(client.blob(reference, descriptor, 0, signal), descriptor),
  };
}

/** cosign lists its bundles as an empty type where it writes the list of referrers by itself. */
function mayBeBundle({ artifactType }: Descriptor): boolean {
  return (
    artifactType === undefined ||
    artifactType === SIGSTORE_BUNDLE.mediaType ||
    artifactType === MEDIA_TYPES.empty
  );
}

/** What one who may push left behind must not hide what another one signed. */
async function find(
  client: RegistryClient,
  reference: Reference,
  signal: AbortSignal,
): Promise<readonly (Attachment | string)[]> {
  try {
    const fetched = await client.findManifest(reference, signal);
    const attachment = fetched === null ? null : attachmentFrom(fetched.descriptor, fetched.text);
    return attachment === null ? [] : [attachment];
  } catch (error) {
    if (isBroken(error)) return [error.message];
    throw error;
  }
}

const BROKEN: readonly string[] = [
  "content-mismatch",
  "image-missing",
  "image-damaged",
  "image-invalid",
  "registry-refused",
  "registry-violation",
];

/** Whether one thing is bad, and nothing is said of others. */
export function isBroken(error: unknown): error is WhiskersError {
  return error instanceof WhiskersError && BROKEN.includes(error.code);
}

/** In the store: what came with an image, or was signed here. */
export function storedSignatures(store: ImageStore): SignatureSource {
  return {
    async *attachments(digest) {
      yield* await storedAttachments(store, digest);
    },
    blob: (descriptor) => readBlob(store.open(descriptor.digest), descriptor),
  };
}
