import type { KeyObject } from "node:crypto";

import { type Descriptor, MEDIA_TYPES } from "../images/descriptor.ts";
import type { ImageStore } from "../images/image-store.ts";
import type { Reference } from "../images/reference.ts";
import { attachNew, type Attachment } from "./attachment.ts";
import type { SignatureForm } from "./find-signers.ts";
import { makeSimpleSignature, SIMPLE_SIGNING } from "./simple-signing.ts";
import { makeBundle, SIGSTORE_BUNDLE } from "./sigstore-bundle.ts";

/** Signs a manifest: the signature is in the store, and belongs to it there. Whoever calls holds the store. */
export async function signImage(
  store: ImageStore,
  { reference, subject }: { readonly reference: Reference; readonly subject: Descriptor },
  key: KeyObject,
  form: SignatureForm,
): Promise<Attachment> {
  if (form === "bundle") {
    return attachNew(store, subject, {
      artifactType: SIGSTORE_BUNDLE.mediaType,
      config: { mediaType: MEDIA_TYPES.empty, text: Buffer.from("{}") },
      layers: [{ mediaType: SIGSTORE_BUNDLE.mediaType, content: makeBundle(subject.digest, key) }],
      annotations: {
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": SIGSTORE_BUNDLE.predicateType,
      },
    });
  }
  const { payload, signature } = makeSimpleSignature(reference, subject.digest, key);
  const layer = {
    mediaType: SIMPLE_SIGNING.payload,
    content: payload,
    annotations: { [SIMPLE_SIGNING.signature]: signature },
  };
  const diffIds = [(await store.put(once(payload))).digest];
  return attachNew(store, subject, {
    artifactType: null,
    config: { mediaType: MEDIA_TYPES.config, text: signaturesConfig(diffIds) },
    layers: [layer],
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

async function* once(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
}
