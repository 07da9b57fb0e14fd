import { createHash, createPublicKey, type KeyObject } from "node:crypto";

import { messageOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";

/** A key that signatures are checked with. */
export interface PublicKey {
  /** As people call it: its file. */
  readonly name: string;
  readonly key: KeyObject;
  /** Base64 of SHA-256 over the key as SubjectPublicKeyInfo in DER: what Sigstore bundles call a key. */
  readonly id: string;
}

/**
 * A public key from PEM, ECDSA on P-256. Of a private key that is not encrypted, its public half.
 * @throws WhiskersError `key-unusable`
 */
export function readPublicKey(text: string, name: string): PublicKey {
  if (/-----BEGIN ENCRYPTED [A-Z ]*PRIVATE KEY-----/u.test(text)) {
    throw new WhiskersError(
      "key-unusable",
      `${name}: an encrypted private key; signatures are checked with the public one`,
    );
  }
  let key: KeyObject;
  try {
    key = createPublicKey(text);
  } catch (cause) {
    throw new WhiskersError("key-unusable", `${name}: no public key in PEM: ${messageOf(cause)}`, { cause });
  }
  requireP256(key, name);
  return { name, key, id: keyId(key) };
}

/** @param key public */
export function keyId(key: KeyObject): string {
  return createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("base64");
}

/** The kind that cosign makes. @throws WhiskersError `key-unusable` */
export function requireP256(key: KeyObject, name: string): void {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType === "ec" && curve === "prime256v1") return;
  const what = [key.asymmetricKeyType, curve].filter((part) => part !== undefined).join(" ");
  throw new WhiskersError("key-unusable", `${name}: a key of type ${what}; ECDSA on P-256 is expected`);
}
