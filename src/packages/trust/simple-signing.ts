import { sign, type KeyObject, verify } from "node:crypto";

import { isObject } from "../../domain/unknown.ts";
import { parseJsonText } from "../images/json-text.ts";
import { formatReference, type Reference } from "../images/reference.ts";
import type { PublicKey } from "./public-key.ts";

/** cosign's older form: a payload by the rules of simple signing, and its signature as an annotation of its layer. */
export const SIMPLE_SIGNING = {
  payload: "application/vnd.dev.cosign.simplesigning.v1+json",
  signature: "dev.cosignproject.cosign/signature",
} as const;

const TYPE = "cosign container image signature";

export interface SimpleSignature {
  readonly payload: Buffer;
  /** Base64. */
  readonly signature: string;
}

/** The tag that signatures of a digest have in this form. */
export function signatureTag(digest: string): string {
  return `${digest.replace(":", "-")}.sig`;
}

export function makeSimpleSignature(reference: Reference, digest: string, key: KeyObject): SimpleSignature {
  const name = formatReference({ ...reference, tag: null, digest: null });
  const payload = Buffer.from(
    JSON.stringify({
      critical: {
        identity: { "docker-reference": name },
        image: { "docker-manifest-digest": digest },
        type: TYPE,
      },
      optional: null,
    }),
  );
  return { payload, signature: sign("sha256", payload, key).toString("base64") };
}

/**
 * The keys that made a signature, and why it is none for this digest: a text.
 * @param digest what has to be signed
 */
export function checkSimpleSignature(
  { payload, signature }: SimpleSignature,
  digest: string,
  keys: readonly PublicKey[],
): readonly PublicKey[] | string {
  if (!/^[A-Za-z0-9+/]{16,1024}={0,2}$/u.test(signature)) return "its signature is no base64";
  const bytes = Buffer.from(signature, "base64");
  const signers = keys.filter(({ key }) => verify("sha256", payload, key, bytes));
  if (signers.length === 0) return "it is by another key";
  // Only now: what nobody signed is not looked into.
  return whyOfAnother(payload, digest) ?? signers;
}

function whyOfAnother(payload: Buffer, digest: string): string | null {
  let critical: unknown;
  try {
    ({ critical } = parseJsonText(payload, "its payload"));
  } catch {
    return "what is signed is no JSON";
  }
  const { type, image } = isObject(critical) ? critical : {};
  if (type !== TYPE) return "what is signed is no signature of an image";
  const signed = isObject(image) ? image["docker-manifest-digest"] : undefined;
  return signed === digest ? null : "it is the signature of another image";
}
