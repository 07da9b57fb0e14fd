import { createPublicKey, type KeyObject, sign, verify } from "node:crypto";

import { isObject } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { hexOf } from "../images/descriptor.ts";
import { parseJsonText } from "../images/json-text.ts";
import { keyId, type PublicKey } from "./public-key.ts";

/** Sigstore's bundle, as cosign 3 attaches it to images: an in-toto statement in a DSSE envelope. */
export const SIGSTORE_BUNDLE = {
  mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
  /** Says of a statement that it signs, and is not about something else such as an SBOM. */
  predicateType: "https://sigstore.dev/cosign/sign/v1",
} as const;

const MEDIA_TYPES: readonly string[] = [
  SIGSTORE_BUNDLE.mediaType,
  "application/vnd.dev.sigstore.bundle+json;version=0.3",
  "application/vnd.dev.sigstore.bundle+json;version=0.2",
  "application/vnd.dev.sigstore.bundle+json;version=0.1",
];
const STATEMENT = "https://in-toto.io/Statement/v1";
const STATEMENTS: readonly string[] = [STATEMENT, "https://in-toto.io/Statement/v0.1"];
const PAYLOAD_TYPE = "application/vnd.in-toto+json";
const MOST_SIGNATURES = 16;
const MOST_SUBJECTS = 1000;

/** What is signed: a manifest, by its digest and its text. */
export interface Signed {
  readonly digest: string;
  readonly text: Buffer;
}

/** A bundle that signs a manifest. */
export function makeBundle(digest: string, key: KeyObject): Buffer {
  const payload = Buffer.from(
    JSON.stringify({
      _type: STATEMENT,
      subject: [{ digest: { sha256: hexOf(digest) } }],
      predicateType: SIGSTORE_BUNDLE.predicateType,
    }),
  );
  const signature = sign("sha256", authenticated(PAYLOAD_TYPE, payload), key);
  return Buffer.from(
    JSON.stringify({
      mediaType: SIGSTORE_BUNDLE.mediaType,
      verificationMaterial: { publicKey: { hint: keyId(createPublicKey(key)) } },
      dsseEnvelope: {
        payload: payload.toString("base64"),
        payloadType: PAYLOAD_TYPE,
        signatures: [{ sig: signature.toString("base64") }],
      },
    }),
  );
}

/**
 * The keys that signed a manifest by a bundle, or why it is no signature of it: a text. Entries of transparency
 * logs and timestamps in it are not looked at: the key is what is trusted.
 */
export function checkBundle(
  bundle: Buffer,
  signed: Signed,
  keys: readonly PublicKey[],
): readonly PublicKey[] | string {
  let document: Readonly<Record<string, unknown>>;
  try {
    document = parseJsonText(bundle, "the bundle");
  } catch (error) {
    return error instanceof WhiskersError ? error.message : "no JSON";
  }
  const { mediaType, dsseEnvelope, messageSignature } = document;
  if (typeof mediaType !== "string" || !MEDIA_TYPES.includes(mediaType)) return "it is no Sigstore bundle";
  if (isObject(dsseEnvelope)) return checkEnvelope(dsseEnvelope, signed, keys);
  if (isObject(messageSignature)) return checkMessage(messageSignature, signed, keys);
  return "it has neither an envelope nor a signature of a message";
}

/** DSSE, with an in-toto statement in it. */
function checkEnvelope(
  { payload, payloadType, signatures }: Readonly<Record<string, unknown>>,
  { digest }: Signed,
  keys: readonly PublicKey[],
): readonly PublicKey[] | string {
  const content = fromBase64(payload);
  if (content === null || typeof payloadType !== "string") return "its envelope has no payload";
  if (payloadType !== PAYLOAD_TYPE) return "what is signed is no in-toto statement";
  if (!Array.isArray(signatures) || signatures.length > MOST_SIGNATURES) {
    return `its envelope has no signatures, or more than ${MOST_SIGNATURES}`;
  }
  const said = authenticated(payloadType, content);
  const bytes = signatures
    .map((each: unknown) => fromBase64(isObject(each) ? each["sig"] : undefined))
    .filter((each) => each !== null);
  const signers = keys.filter(({ key }) => bytes.some((each) => verify("sha256", said, key, each)));
  if (signers.length === 0) return "it is by another key";
  return whyOfAnother(content, digest) ?? signers;
}

function whyOfAnother(content: Buffer, digest: string): string | null {
  let statement: Readonly<Record<string, unknown>>;
  try {
    statement = parseJsonText(content, "the statement");
  } catch {
    return "what is signed is no JSON";
  }
  const { _type: type, subject, predicateType } = statement;
  if (typeof type !== "string" || !STATEMENTS.includes(type)) return "what is signed is no in-toto statement";
  if (predicateType !== SIGSTORE_BUNDLE.predicateType) {
    return "what is signed says something about an image, and is no signature of it";
  }
  if (!Array.isArray(subject) || subject.length > MOST_SUBJECTS) return "its statement is about nothing";
  const isOfIt = subject.some(
    (each: unknown) =>
      isObject(each) && isObject(each["digest"]) && each["digest"]["sha256"] === hexOf(digest),
  );
  return isOfIt ? null : "it is the signature of another image";
}

/** A signature of the manifest's text itself, as `cosign sign-blob` makes it. */
function checkMessage(
  { signature, messageDigest }: Readonly<Record<string, unknown>>,
  { digest, text }: Signed,
  keys: readonly PublicKey[],
): readonly PublicKey[] | string {
  const bytes = fromBase64(signature);
  if (bytes === null) return "its signature is no base64";
  const said = isObject(messageDigest) ? fromBase64(messageDigest["digest"])?.toString("hex") : undefined;
  if (said !== undefined && said !== hexOf(digest)) return "it is the signature of another image";
  const signers = keys.filter(({ key }) => verify("sha256", text, key, bytes));
  return signers.length === 0 ? "it is by another key, or of another image" : signers;
}

/** DSSE's pre-authentication encoding. */
function authenticated(type: string, payload: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `),
    payload,
  ]);
}

/** Of the usual or of the URL alphabet: DSSE allows both. */
function fromBase64(text: unknown): Buffer | null {
  return typeof text === "string" && /^[\w+/-]+={0,2}$/u.test(text) ? Buffer.from(text, "base64") : null;
}
