import { createHash } from "node:crypto";

import { WhiskersError } from "../../errors.ts";
import { discard } from "../../http/http-service.ts";
import { retrying } from "../../http/retrying.ts";
import { MEDIA_TYPES } from "../images/descriptor.ts";
import { MOST_MANIFEST_BYTES, parseManifestText } from "../images/manifest.ts";
import { formatReference, type Reference } from "../images/reference.ts";
import { requireStatus, wholeBody } from "./answers.ts";
import { type Endpoint, endpointsOf } from "./endpoints.ts";
import type { Answer } from "./http-exchange.ts";
import type { FetchedManifest } from "./pull-image.ts";
import type { ClientParts } from "./registry-client.ts";
import { retryPolicy } from "./retry-policy.ts";

const ACCEPT = [
  MEDIA_TYPES.index,
  MEDIA_TYPES.manifest,
  MEDIA_TYPES.dockerIndex,
  MEDIA_TYPES.dockerManifest,
].join(", ");

/** Gets a manifest or an index, of the first server that has it. The tag is asked for once. */
export async function fetchManifest(
  parts: ClientParts,
  reference: Reference,
  signal: AbortSignal,
): Promise<FetchedManifest> {
  const found = await askServers(parts, { reference, accepted: [200] }, signal);
  if (found === null) throw new Error("a registry without a server");
  return found;
}

/** The same; null when the registry itself has none. */
export async function findManifest(
  parts: ClientParts,
  reference: Reference,
  signal: AbortSignal,
): Promise<FetchedManifest | null> {
  return askServers(parts, { reference, accepted: [200, 404] }, signal);
}

interface Question {
  readonly reference: Reference;
  /** Status codes. */
  readonly accepted: readonly number[];
}

async function askServers(
  parts: ClientParts,
  question: Question,
  signal: AbortSignal,
): Promise<FetchedManifest | null> {
  const endpoints = endpointsOf(question.reference.registry, parts.options);
  for (const endpoint of endpoints) {
    try {
      const found = await retrying(retryPolicy(endpoint, parts.limits), signal, () =>
        fetchOnce(parts, endpoint, question, signal),
      );
      if (found !== null) return found;
    } catch (error) {
      // A mirror that has it not, or fails, is not the last one to be asked.
      if (!endpoint.isMirror || signal.aborted) throw error;
    }
  }
  return null;
}

async function fetchOnce(
  { requests, limits }: ClientParts,
  endpoint: Endpoint,
  { reference, accepted }: Question,
  outer: AbortSignal,
): Promise<FetchedManifest | null> {
  const { repository, tag, digest } = reference;
  const signal = AbortSignal.any([outer, AbortSignal.timeout(limits.wholeMs)]);
  const answer = await requests.send({
    endpoint,
    method: "GET",
    target: `/v2/${repository}/manifests/${digest ?? tag ?? ""}`,
    scopes: [`repository:${repository}:pull`],
    headers: { accept: ACCEPT },
    signal,
  });
  const what = `${endpoint.host}, asked for ${formatReference(reference)},`;
  await requireStatus(answer, accepted, what, signal);
  if (answer.status === 404) {
    discard(answer.body);
    return null;
  }
  const text = await wholeBody(answer, MOST_MANIFEST_BYTES, what, signal);
  const got = `sha256:${createHash("sha256").update(text).digest("hex")}`;
  const said = answer.headers["docker-content-digest"];
  for (const wanted of [digest, said ?? null]) {
    if (wanted !== null && wanted !== got) {
      throw new WhiskersError("content-mismatch", `${what} gave ${got} instead of ${String(wanted)}`);
    }
  }
  const manifest = parseManifestText(text, formatReference(reference));
  requireType(answer, manifest.mediaType, what);
  return { descriptor: { mediaType: manifest.mediaType, digest: got, size: text.length }, text, manifest };
}

/** Two readers could take one text for two things: the header and the text must agree. */
function requireType({ headers }: Answer, mediaType: string, what: string): void {
  const said =
    String(headers["content-type"] ?? "")
      .split(";", 1)[0]
      ?.trim() ?? "";
  // What files are served with says nothing.
  if (said === mediaType || said === "" || said === "application/json" || said === MEDIA_TYPES.octets) return;
  throw new WhiskersError(
    "registry-violation",
    `${what} gave ${JSON.stringify(said)}, which is ${mediaType}`,
  );
}
