import { isObject } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { discard } from "../../http/http-service.ts";
import { retrying } from "../../http/retrying.ts";
import { type Descriptor, MEDIA_TYPES } from "../images/descriptor.ts";
import { type ImageIndex, MOST_MANIFEST_BYTES, parseManifestText } from "../images/manifest.ts";
import { formatReference, type Reference } from "../images/reference.ts";
import { requireStatus, wholeBody } from "./answers.ts";
import { type Endpoint, endpointsOf } from "./endpoints.ts";
import { type Answer } from "./http-exchange.ts";
import type { ClientParts } from "./registry-client.ts";
import { retryPolicy } from "./retry-policy.ts";

/** Pages of a list that are read, at most: of 4 MiB each. */
const MOST_PAGES = 16;
/** How registries say that they have no referrers API. */
const NO_API: readonly number[] = [400, 404, 405, 406, 501];

/** The tag that lists what refers to a digest, where there is no referrers API: OCI distribution 1.1. */
export function referrersTag(digest: string): string {
  return digest.replace(":", "-");
}

/** What refers to a digest, of the first server that knows of any. */
export async function listReferrers(
  parts: ClientParts,
  reference: Reference,
  artifactType: string | null,
  signal: AbortSignal,
): Promise<readonly Descriptor[]> {
  for (const endpoint of endpointsOf(reference.registry, parts.options)) {
    try {
      const all = await listOf(parts, endpoint, reference, signal);
      const found = all.filter((each) => artifactType === null || each.artifactType === artifactType);
      // A mirror may have copied the image and not what refers to it.
      if (found.length > 0 || !endpoint.isMirror) return found;
    } catch (error) {
      if (!endpoint.isMirror || signal.aborted) throw error;
    }
  }
  return [];
}

async function listOf(
  parts: ClientParts,
  endpoint: Endpoint,
  reference: Reference,
  signal: AbortSignal,
): Promise<readonly Descriptor[]> {
  const listed = await byApi(parts, endpoint, reference, signal);
  if (listed !== null) return listed;
  return (await byTag(parts, endpoint, reference, signal))?.manifests ?? [];
}

/** Null: the registry has no such API. */
async function byApi(
  parts: ClientParts,
  endpoint: Endpoint,
  reference: Reference,
  signal: AbortSignal,
): Promise<readonly Descriptor[] | null> {
  const found: Descriptor[] = [];
  const { repository, digest } = reference;
  let target: string | URL = `/v2/${repository}/referrers/${digest ?? ""}`;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await askFor(parts, endpoint, { reference, target, accepted: [200, ...NO_API] }, signal);
    if (answer.index === null) return page === 0 ? null : found;
    found.push(...answer.index.manifests);
    const next = nextPage(answer.link, answer.url, endpoint);
    if (next === null) return found;
    target = next;
  }
  throw new WhiskersError(
    "registry-violation",
    `${endpoint.host} lists more than ${MOST_PAGES} pages of what refers to ${digest ?? ""}`,
  );
}

/** The index under the tag that stands for the API; null: there is none. */
export async function byTag(
  parts: ClientParts,
  endpoint: Endpoint,
  reference: Reference,
  signal: AbortSignal,
): Promise<ImageIndex | null> {
  const target = `/v2/${reference.repository}/manifests/${referrersTag(reference.digest ?? "")}`;
  const answer = await askFor(parts, endpoint, { reference, target, accepted: [200, 404] }, signal);
  return answer.index;
}

interface Question {
  readonly reference: Reference;
  readonly target: string | URL;
  readonly accepted: readonly number[];
}

interface Listed {
  readonly index: ImageIndex | null;
  readonly link: string | null;
  readonly url: URL;
}

async function askFor(
  { requests, limits }: ClientParts,
  endpoint: Endpoint,
  { reference, target, accepted }: Question,
  outer: AbortSignal,
): Promise<Listed> {
  return retrying(retryPolicy(endpoint, limits), outer, async () => {
    const signal = AbortSignal.any([outer, AbortSignal.timeout(limits.wholeMs)]);
    const answer = await requests.send({
      endpoint,
      method: "GET",
      target,
      scopes: [`repository:${reference.repository}:pull`],
      headers: { accept: MEDIA_TYPES.index },
      signal,
    });
    const what = `${endpoint.host}, asked what refers to ${formatReference(reference)},`;
    await requireStatus(answer, accepted, what, signal);
    const { url } = answer;
    // A page for people, with status 200, is no list.
    if (answer.status !== 200 || !isJson(answer)) {
      discard(answer.body);
      return { index: null, link: null, url };
    }
    const text = await wholeBody(answer, MOST_MANIFEST_BYTES, what, signal);
    const { link } = answer.headers;
    return { index: indexOf(text, what), link: typeof link === "string" ? link : null, url };
  });
}

function isJson({ headers }: Answer): boolean {
  return /json|octet-stream|^$/u.test(String(headers["content-type"] ?? ""));
}

function indexOf(text: Buffer, what: string): ImageIndex {
  const list = parseManifestText(withManifests(text), `${what} the list`);
  if (list.kind === "index") return list;
  throw new WhiskersError("registry-violation", `${what} gave no list`);
}

/** Registries written in Go say `null` for an empty list. */
function withManifests(text: Buffer): Buffer {
  try {
    const document: unknown = JSON.parse(text.toString("utf8"));
    if (isObject(document) && document["manifests"] === null) {
      return Buffer.from(JSON.stringify({ ...document, manifests: [] }));
    }
  } catch {
    // Whoever parses it will say so.
  }
  return text;
}

/** RFC 8288, as the distribution specification uses it. @throws WhiskersError `registry-violation` */
function nextPage(link: string | null, url: URL, { host }: Endpoint): URL | null {
  const target = /^<(?<target>[^>]+)>\s*;\s*rel="?next"?/u.exec(link ?? "")?.groups?.["target"];
  if (target === undefined) return null;
  const next = URL.parse(target, url.href);
  if (next?.origin === url.origin) return next;
  throw new WhiskersError("registry-violation", `${host} has the next page of a list elsewhere`);
}
