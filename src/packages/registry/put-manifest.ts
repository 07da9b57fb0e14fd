import { WhiskersError } from "../../errors.ts";
import { discard } from "../../http/http-service.ts";
import { retrying } from "../../http/retrying.ts";
import type { Descriptor } from "../images/descriptor.ts";
import { formatReference, type Reference } from "../images/reference.ts";
import { requireStatus } from "./answers.ts";
import { type Endpoint, endpointsOf } from "./endpoints.ts";
import type { ClientParts } from "./registry-client.ts";
import { retryPolicy } from "./retry-policy.ts";

interface Put {
  readonly reference: Reference;
  readonly descriptor: Descriptor;
  readonly text: Buffer;
  readonly signal: AbortSignal;
}

/** True: the registry says that it lists the manifest for its subject. */
export async function putManifest(parts: ClientParts, put: Put): Promise<boolean> {
  const endpoint = ownEndpoint(put.reference, parts);
  return retrying(retryPolicy(endpoint, parts.limits), put.signal, () => putOnce(parts, endpoint, put));
}

/** The registry itself: mirrors are only read. */
export function ownEndpoint({ registry }: Reference, { options }: ClientParts): Endpoint {
  const endpoint = endpointsOf(registry, options).at(-1);
  if (endpoint === undefined) throw new Error("a registry without a server");
  return endpoint;
}

async function putOnce(
  { requests, limits }: ClientParts,
  endpoint: Endpoint,
  { reference, descriptor, text, signal: outer }: Put,
): Promise<boolean> {
  const { repository, tag, digest } = reference;
  const signal = AbortSignal.any([outer, AbortSignal.timeout(limits.wholeMs)]);
  const answer = await requests.send({
    endpoint,
    method: "PUT",
    target: `/v2/${repository}/manifests/${digest ?? tag ?? ""}`,
    scopes: [`repository:${repository}:pull,push`],
    headers: { "content-type": descriptor.mediaType },
    body: () => text,
    signal,
  });
  const what = `${endpoint.host}, given ${formatReference(reference)},`;
  await requireStatus(answer, [200, 201, 202], what, signal);
  discard(answer.body);
  const said = answer.headers["docker-content-digest"];
  if (said !== undefined && said !== descriptor.digest) {
    throw new WhiskersError(
      "content-mismatch",
      `${what} says that it is ${String(said)}, and not ${descriptor.digest}`,
    );
  }
  return answer.headers["oci-subject"] !== undefined;
}
