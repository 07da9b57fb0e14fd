import { retrying } from "../../http/retrying.ts";
import { discard } from "../../http/http-service.ts";
import { formatReference, type Reference } from "../images/reference.ts";
import { requireStatus } from "./answers.ts";
import { ownEndpoint } from "./put-manifest.ts";
import type { ClientParts } from "./registry-client.ts";
import { retryPolicy } from "./retry-policy.ts";

/** Removes a manifest by its digest: with it go the tags that name it. False: it was not there. */
export async function deleteManifest(
  parts: ClientParts,
  reference: Reference,
  signal: AbortSignal,
): Promise<boolean> {
  const endpoint = ownEndpoint(reference, parts);
  const { requests, limits } = parts;
  const { repository, digest } = reference;
  return retrying(retryPolicy(endpoint, limits), signal, async () => {
    const within = AbortSignal.any([signal, AbortSignal.timeout(limits.wholeMs)]);
    const answer = await requests.send({
      endpoint,
      method: "DELETE",
      target: `/v2/${repository}/manifests/${digest ?? ""}`,
      scopes: [`repository:${repository}:pull,push,delete`],
      signal: within,
    });
    const what = `${endpoint.host}, told to remove ${formatReference(reference)},`;
    await requireStatus(answer, [200, 202, 404], what, within);
    discard(answer.body);
    return answer.status !== 404;
  });
}
