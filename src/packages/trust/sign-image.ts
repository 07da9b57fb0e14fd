import { createHash, type KeyObject } from "node:crypto";

import { type Descriptor, MEDIA_TYPES } from "../images/descriptor.ts";
import type { ImageStore } from "../images/image-store.ts";
import { parseManifestText } from "../images/manifest.ts";
import type { Reference } from "../images/reference.ts";
import { attachNew, type Attachment } from "./attachment.ts";
import type { Signature, SignatureForm } from "./find-signers.ts";
import { makeSimpleSignature, SIMPLE_SIGNING, type SimpleSignature } from "./simple-signing.ts";
import { makeBundle, type Signed, SIGSTORE_BUNDLE } from "./sigstore-bundle.ts";

/** Signs a manifest: the signature is in the store, and belongs to it there. Whoever calls holds the store. */
export async function signImage(
  store: ImageStore,
  { reference, subject }: { readonly reference: Reference; readonly subject: Descriptor },
  key: KeyObject,
  form: SignatureForm,
): Promise<Attachment> {
  if (form === "bundle") return attachBundle(store, subject, makeBundle(subject.digest, key));
  return attachSimple(store, subject, makeSimpleSignature(reference, subject.digest, key));
}

/** Puts a signature that holds into the store, and nothing of what lay beside it. Whoever calls holds the store. */
export async function keepSignature(
  store: ImageStore,
  { digest, text }: Signed,
  { form, content, signature }: Signature,
): Promise<void> {
  const { mediaType } = parseManifestText(text, digest);
  const subject = { mediaType, digest, size: text.length };
  if (form === "bundle") await attachBundle(store, subject, content);
  else await attachSimple(store, subject, { payload: content, signature });
}

function attachBundle(store: ImageStore, subject: Descriptor, bundle: Buffer): Promise<Attachment> {
  return attachNew(store, subject, {
    artifactType: SIGSTORE_BUNDLE.mediaType,
    config: { mediaType: MEDIA_TYPES.empty, text: Buffer.from("{}") },
    layers: [{ mediaType: SIGSTORE_BUNDLE.mediaType, content: bundle }],
    annotations: {
      "dev.sigstore.bundle.content": "dsse-envelope",
      "dev.sigstore.bundle.predicateType": SIGSTORE_BUNDLE.predicateType,
    },
  });
}

function attachSimple(
  store: ImageStore,
  subject: Descriptor,
  { payload, signature }: SimpleSignature,
): Promise<Attachment> {
  const digest = `sha256:${createHash("sha256").update(payload).digest("hex")}`;
  const annotations = { [SIMPLE_SIGNING.signature]: signature };
  return attachNew(store, subject, {
    artifactType: null,
    config: { mediaType: MEDIA_TYPES.config, text: signaturesConfig([digest]) },
    layers: [{ mediaType: SIMPLE_SIGNING.payload, content: payload, annotations }],
  });
}

/** The config of a manifest of signatures, which is shaped like an image's. */
export function signaturesConfig(diffIds: readonly string[]): Buffer {
  return Buffer.from(
    JSON.stringify({
      architecture: "",
      os: "",
      config: {},
      rootfs: { type: "layers", diff_ids: diffIds },
    }),
  );
}
