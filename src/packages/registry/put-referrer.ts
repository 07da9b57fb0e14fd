import { createHash } from "node:crypto";

import { WhiskersError } from "../../errors.ts";
import { type Descriptor, MEDIA_TYPES } from "../images/descriptor.ts";
import type { Reference } from "../images/reference.ts";
import { byTag, referrersTag } from "./list-referrers.ts";
import { ownEndpoint, putManifest } from "./put-manifest.ts";
import type { ClientParts } from "./registry-client.ts";

/** A manifest that has a subject. */
export interface Referrer {
  /** With artifact type and annotations, as a list of referrers has them. */
  readonly descriptor: Descriptor;
  readonly text: Buffer;
  /** Digest of its subject. */
  readonly subject: string;
}

/** Two who write the list at once could lose one of the two: whoever finds that writes it again. */
const ATTEMPTS = 5;

export async function putReferrer(
  parts: ClientParts,
  reference: Reference,
  { descriptor, text, subject }: Referrer,
  signal: AbortSignal,
): Promise<void> {
  const own = { ...reference, tag: null, digest: descriptor.digest };
  const isListed = await putManifest(parts, { reference: own, descriptor, text, signal });
  if (isListed) return;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (await isInList(parts, { ...reference, tag: null, digest: subject }, descriptor, signal)) return;
  }
  throw new WhiskersError(
    "registry-violation",
    `${reference.registry} does not keep the list of what refers to ${subject}: others write it, too`,
  );
}

/** False: it was put there just now; the next look says whether it is there. */
async function isInList(
  parts: ClientParts,
  subject: Reference,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<boolean> {
  const list = await byTag(parts, ownEndpoint(subject, parts), subject, signal);
  const others = list?.manifests ?? [];
  if (others.some(({ digest }) => digest === descriptor.digest)) return true;
  const document = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.index,
    manifests: [...others, descriptor],
    ...(list === null || Object.keys(list.annotations).length === 0 ? {} : { annotations: list.annotations }),
  };
  const text = Buffer.from(JSON.stringify(document));
  const digest = `sha256:${createHash("sha256").update(text).digest("hex")}`;
  await putManifest(parts, {
    reference: { ...subject, tag: referrersTag(subject.digest ?? ""), digest: null },
    descriptor: { mediaType: MEDIA_TYPES.index, digest, size: text.length },
    text,
    signal,
  });
  return false;
}
