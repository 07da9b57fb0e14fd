import type { Descriptor } from "../images/descriptor.ts";
import type { Attachment } from "./attachment.ts";
import type { PublicKey } from "./public-key.ts";
import { isBroken, type SignatureSource } from "./signature-source.ts";
import { checkSimpleSignature, SIMPLE_SIGNING } from "./simple-signing.ts";
import { checkBundle, type Signed, SIGSTORE_BUNDLE } from "./sigstore-bundle.ts";

/** `bundle`: Sigstore's, as a referrer. `tag`: cosign's older one, under a tag of its own. */
export type SignatureForm = "bundle" | "tag";

/** A signature that holds. */
export interface Signature {
  readonly key: PublicKey;
  readonly form: SignatureForm;
  readonly attachment: Attachment;
  /** The bundle, or the payload that was signed. */
  readonly content: Buffer;
  /** Base64, of the older form; of a bundle it is empty. */
  readonly signature: string;
}

export interface FoundSigners {
  readonly signatures: readonly Signature[];
  /** Why others do not hold, in words. */
  readonly problems: readonly string[];
}

const MOST_PAYLOAD_BYTES = 64 * 1024;
const MOST_BUNDLE_BYTES = 1024 * 1024;
/** Signatures under one tag that are looked at. */
const MOST_LAYERS = 64;

/**
 * Which of the keys signed a manifest. What is broken or made by others hides no signature that holds. Ends as soon
 * as every key was found.
 * @param only signatures of this form; null: of any
 * @throws WhiskersError of the source's
 */
export async function findSigners(
  source: SignatureSource,
  signed: Signed,
  keys: readonly PublicKey[],
  signal: AbortSignal,
  only: SignatureForm | null = null,
): Promise<FoundSigners> {
  const signatures: Signature[] = [];
  const problems: string[] = [];
  for await (const attachment of source.attachments(signed.digest, signal)) {
    if (typeof attachment === "string") {
      problems.push(attachment);
      continue;
    }
    for (const candidate of candidatesOf(attachment)) {
      const { form, layer } = candidate;
      if (only !== null && form !== only) continue;
      const checked = await check(source, candidate, { signed, keys, signal });
      if (typeof checked === "string") problems.push(`${layer.digest}: ${checked}`);
      else for (const key of checked.by) signatures.push({ key, form, attachment, ...checked.what });
    }
    if (keys.every(({ id }) => signatures.some(({ key }) => key.id === id))) break;
  }
  return { signatures, problems };
}

/** What problems are worth to be said in an error. */
export function whyNot(problems: readonly string[]): string {
  if (problems.length === 0) return ": it has no signatures at all";
  const shown = problems.slice(0, MOST_SHOWN).join("; ");
  const more = problems.length > MOST_SHOWN ? `; and ${problems.length - MOST_SHOWN} more` : "";
  return `: of those that it has, ${shown}${more}`;
}

const MOST_SHOWN = 3;

interface Candidate {
  readonly form: SignatureForm;
  readonly layer: Descriptor;
}

function candidatesOf({ manifest }: Attachment): readonly Candidate[] {
  return manifest.layers.slice(0, MOST_LAYERS).flatMap((layer): Candidate[] => {
    if (layer.mediaType === SIMPLE_SIGNING.payload) return [{ form: "tag", layer }];
    return layer.mediaType === SIGSTORE_BUNDLE.mediaType ? [{ form: "bundle", layer }] : [];
  });
}

interface Check {
  readonly signed: Signed;
  readonly keys: readonly PublicKey[];
  readonly signal: AbortSignal;
}

interface Checked {
  readonly by: readonly PublicKey[];
  readonly what: Pick<Signature, "content" | "signature">;
}

async function check(
  source: SignatureSource,
  { form, layer }: Candidate,
  { signed, keys, signal }: Check,
): Promise<Checked | string> {
  const most = form === "tag" ? MOST_PAYLOAD_BYTES : MOST_BUNDLE_BYTES;
  if (layer.size > most) return `it is larger than ${most} bytes`;
  let content: Buffer;
  try {
    content = await source.blob(layer, signal);
  } catch (error) {
    if (isBroken(error)) return error.message;
    throw error;
  }
  const signature = form === "bundle" ? "" : (layer.annotations?.[SIMPLE_SIGNING.signature] ?? "");
  const by =
    form === "bundle"
      ? checkBundle(content, signed, keys)
      : checkSimpleSignature({ payload: content, signature }, signed.digest, keys);
  return typeof by === "string" ? by : { by, what: { content, signature } };
}
