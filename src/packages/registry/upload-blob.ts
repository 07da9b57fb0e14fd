import { Readable } from "node:stream";

import { WhiskersError } from "../../errors.ts";
import { discard } from "../../http/http-service.ts";
import { retrying } from "../../http/retrying.ts";
import type { Descriptor } from "../images/descriptor.ts";
import { formatReference, type Reference } from "../images/reference.ts";
import { requireStatus } from "./answers.ts";
import type { Scopes } from "./authorizer.ts";
import type { Endpoint } from "./endpoints.ts";
import type { Answer, Method } from "./http-exchange.ts";
import { watchPace } from "./pace.ts";
import { ownEndpoint } from "./put-manifest.ts";
import type { ClientParts } from "./registry-client.ts";
import { retryPolicy } from "./retry-policy.ts";

export interface Upload {
  readonly descriptor: Descriptor;
  /** Its bytes from one on and before another. May be asked for several times. */
  readonly content: (start: number, end: number) => AsyncIterable<Buffer>;
  /** Repositories of the same registry that have it, as far as is known. */
  readonly from: readonly string[];
  /** Called with how many of its bytes are there by now. */
  readonly onBytes: (bytes: number) => void;
}

export type Uploaded = "there" | "mounted" | "uploaded";

/** Chunks after which there is no more than before. */
const MOST_STALLS = 2;
/** Sessions: each may stall several times. */
const SESSIONS = 2;

/** Makes sure that a blob is in a repository: it is there, is mounted from another repository, or is uploaded. */
export async function uploadBlob(
  parts: ClientParts,
  reference: Reference,
  upload: Upload,
  signal: AbortSignal,
): Promise<Uploaded> {
  const endpoint = ownEndpoint(reference, parts);
  const policy = retryPolicy(endpoint, parts.limits);
  const session: Session = { parts, endpoint, reference, upload, signal };
  const { descriptor, from, onBytes } = upload;
  if (await retrying(policy, signal, () => isThere(session))) {
    onBytes(descriptor.size);
    return "there";
  }
  for (const repository of from) {
    if (await mounts(session, repository)) {
      onBytes(descriptor.size);
      return "mounted";
    }
  }
  await retrying({ ...policy, attempts: SESSIONS }, signal, () => uploadWhole(session));
  return "uploaded";
}

interface Session {
  readonly parts: ClientParts;
  readonly endpoint: Endpoint;
  readonly reference: Reference;
  readonly upload: Upload;
  readonly signal: AbortSignal;
}

async function isThere(session: Session): Promise<boolean> {
  const { reference, upload } = session;
  const answer = await small(
    session,
    "HEAD",
    `/v2/${reference.repository}/blobs/${upload.descriptor.digest}`,
  );
  discard(answer.body);
  if (answer.status === 404) return false;
  await requireStatus(answer, [200], whatOf(session), session.signal);
  return true;
}

/** Whatever goes wrong, it can be uploaded. */
async function mounts(session: Session, from: string): Promise<boolean> {
  const { reference, upload } = session;
  const query = new URLSearchParams({ mount: upload.descriptor.digest, from });
  try {
    const target = `/v2/${reference.repository}/blobs/uploads/?${query.toString()}`;
    const answer = await small(session, "POST", target, [`repository:${from}:pull`]);
    discard(answer.body);
    return answer.status === 201;
  } catch (error) {
    if (session.signal.aborted) throw error;
    return false;
  }
}

/** One session of an upload. A connection that breaks is followed by another that goes on; a session that is lost is not. */
async function uploadWhole(session: Session): Promise<void> {
  const { endpoint, upload, parts, signal, reference } = session;
  const { descriptor, onBytes } = upload;
  const begun = await small(session, "POST", `/v2/${reference.repository}/blobs/uploads/`);
  await requireStatus(begun, [202], whatOf(session), signal);
  discard(begun.body);
  let location = parts.requests.locationOf(begun, endpoint);
  const size = Math.max(parts.limits.chunkBytes, Number(begun.headers["oci-chunk-min-length"]) || 0);
  let sent = 0;
  for (let stalls = 0; sent < descriptor.size;) {
    const end = Math.min(descriptor.size, sent + size);
    const next = await sendChunk(session, location, sent, end).catch((error: unknown) =>
      askHowFar(session, location, error),
    );
    stalls = next.sent > sent ? 0 : stalls + 1;
    if (stalls > MOST_STALLS) {
      throw new WhiskersError(
        "registry-unavailable",
        `${whatOf(session)} takes no more than ${sent} bytes of it`,
      );
    }
    location = next.location;
    sent = next.sent;
    onBytes(sent);
  }
  const last = new URL(location);
  // Not by searchParams: what a registry put into its address stays as it is.
  last.search += `${last.search === "" ? "?" : "&"}digest=${encodeURIComponent(descriptor.digest)}`;
  const done = await small(session, "PUT", last, [], { "content-length": "0" });
  await requireStatus(done, [201, 204], whatOf(session), signal);
  discard(done.body);
}

interface Progress {
  readonly location: URL;
  readonly sent: number;
}

async function sendChunk(session: Session, location: URL, start: number, end: number): Promise<Progress> {
  const { parts, endpoint, upload } = session;
  const slow = new AbortController();
  const signal = AbortSignal.any([session.signal, slow.signal]);
  const pace = watchPace(parts.limits, whatOf(session), (error) => {
    slow.abort(error);
  });
  const content = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of upload.content(start, end)) {
      pace.count(chunk.length);
      yield chunk;
    }
    // From here on it is the answer that is waited for, and that has its own time.
    pace.end();
  };
  try {
    const answer = await parts.requests.send({
      endpoint,
      method: "PATCH",
      target: location,
      scopes: scopesOf(session),
      headers: {
        "content-type": "application/octet-stream",
        "content-length": String(end - start),
        "content-range": `${start}-${end - 1}`,
      },
      body: () => Readable.from(content(), { objectMode: false }),
      signal,
    });
    await requireStatus(answer, [202, 204], whatOf(session), signal);
    return progressOf(session, answer, end);
  } finally {
    pace.end();
  }
}

/** After a chunk that failed: how much of it arrived. When that cannot be known, the error is thrown. */
async function askHowFar(session: Session, location: URL, error: unknown): Promise<Progress> {
  if (!(error instanceof WhiskersError) || !error.row.retryable || session.signal.aborted) throw error;
  let answer: Answer;
  try {
    answer = await small(session, "GET", location);
  } catch {
    throw error;
  }
  discard(answer.body);
  const { range } = answer.headers;
  if (answer.status !== 204 || typeof range !== "string") throw error;
  return progressOf(session, answer, 0);
}

function progressOf({ parts, endpoint, upload }: Session, answer: Answer, otherwise: number): Progress {
  discard(answer.body);
  const { range } = answer.headers;
  const last =
    typeof range === "string" ? /^(?:bytes=)?0-(?<last>\d{1,15})$/u.exec(range)?.groups?.["last"] : undefined;
  // "0-0" is what registries say of nothing, too.
  const arrived = last === undefined ? otherwise : last === "0" ? 0 : Number(last) + 1;
  if (arrived > upload.descriptor.size) {
    throw new WhiskersError(
      "registry-violation",
      `${endpoint.host} says that it has more than we sent: ${String(range)}`,
    );
  }
  return { location: parts.requests.locationOf(answer, endpoint), sent: arrived };
}

/** A request whose answer is short. */
async function small(
  session: Session,
  method: Method,
  target: string | URL,
  more: Scopes = [],
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const { parts, endpoint, signal } = session;
  return parts.requests.send({
    endpoint,
    method,
    target,
    scopes: [...scopesOf(session), ...more],
    headers,
    signal: AbortSignal.any([signal, AbortSignal.timeout(parts.limits.wholeMs)]),
  });
}

function scopesOf({ reference }: Session): Scopes {
  return [`repository:${reference.repository}:pull,push`];
}

function whatOf({ endpoint, reference, upload }: Session): string {
  return `${endpoint.host}, given ${upload.descriptor.digest} of ${formatReference(reference)},`;
}
