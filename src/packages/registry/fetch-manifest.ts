import { createHash } from "node:crypto";

import { WhiskersError } from "../../errors.ts";
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
  const endpoints = endpointsOf(reference.registry, parts.options);
  for (const endpoint of endpoints) {
    try {
      return await retrying(retryPolicy(endpoint, parts.limits), signal, () =>
        fetchOnce(parts, endpoint, reference, signal),
      );
    } catch (error) {
      // A mirror that has it not, or fails, is not the last one to be asked.
      if (!endpoint.isMirror || signal.aborted) throw error;
    }
  }
  throw new Error("a registry without a server");
}

async function fetchOnce(
  { requests, limits }: ClientParts,
  endpoint: Endpoint,
  reference: Reference,
  outer: AbortSignal,
): Promise<FetchedManifest> {
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
  await requireStatus(answer, [200], what, signal);
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
