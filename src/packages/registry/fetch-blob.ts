import { setTimeout as delay } from "node:timers/promises";

import { WhiskersError } from "../../errors.ts";
import { discard } from "../../http/http-service.ts";
import type { Descriptor } from "../images/descriptor.ts";
import { formatReference, type Reference } from "../images/reference.ts";
import { requireStatus } from "./answers.ts";
import { type Endpoint, endpointsOf } from "./endpoints.ts";
import { type Answer, httpTrouble } from "./http-exchange.ts";
import { watchPace } from "./pace.ts";
import type { ClientParts } from "./registry-client.ts";
import { retryPolicy } from "./retry-policy.ts";

export interface BlobWanted {
  readonly reference: Reference;
  readonly descriptor: Descriptor;
  readonly offset: number;
  readonly signal: AbortSignal;
}

/** After so much, a connection that breaks is the first one again. */
const PROGRESS_BYTES = 2 ** 20;

/** A blob from a byte on. When a connection breaks, the next one goes on where it ended. */
export async function* fetchBlob(parts: ClientParts, wanted: BlobWanted): AsyncGenerator<Buffer> {
  const { reference, descriptor, signal } = wanted;
  let at = wanted.offset;
  for (const endpoint of endpointsOf(reference.registry, parts.options)) {
    const { attempts, baseMs, capMs } = retryPolicy(endpoint, parts.limits);
    let failures = 0;
    let failedAt = at;
    for (;;) {
      try {
        if (at >= descriptor.size) return;
        for await (const chunk of fetchPart(parts, endpoint, { ...wanted, offset: at })) {
          at += chunk.length;
          yield chunk;
        }
        if (at >= descriptor.size) return;
        throw new WhiskersError(
          "registry-unavailable",
          `${endpoint.host} broke off at byte ${at} of ${descriptor.size}`,
        );
      } catch (error) {
        if (signal.aborted || !(error instanceof WhiskersError)) throw error;
        failures = at - failedAt >= PROGRESS_BYTES ? 1 : failures + 1;
        failedAt = at;
        if (!error.row.retryable || failures >= attempts) {
          if (endpoint.isMirror) break;
          throw error;
        }
        await delay(Math.random() * Math.min(capMs, baseMs * 2 ** (failures - 1)), undefined, {
          signal,
        }).catch(() => {});
      }
    }
  }
}

async function* fetchPart(
  { requests, limits }: ClientParts,
  endpoint: Endpoint,
  { reference, descriptor, offset, signal }: BlobWanted,
): AsyncGenerator<Buffer> {
  const { repository } = reference;
  const answer = await requests.send({
    endpoint,
    method: "GET",
    target: `/v2/${repository}/blobs/${descriptor.digest}`,
    scopes: [`repository:${repository}:pull`],
    headers: offset === 0 ? {} : { range: `bytes=${offset}-` },
    signal,
  });
  const what = `${endpoint.host}, asked for ${descriptor.digest} of ${formatReference(reference)},`;
  try {
    await requireStatus(answer, offset === 0 ? [200] : [200, 206], what, signal);
    const from = answer.status === 206 ? offset : 0;
    requireLength(answer, descriptor.size - from, what);
    requireRange(answer, from, what);
    yield* rest(answer, offset - from, { what, limits, signal });
  } finally {
    discard(answer.body);
  }
}

interface Reading {
  readonly what: string;
  readonly limits: ClientParts["limits"];
  readonly signal: AbortSignal;
}

/** What follows the bytes that we have. */
async function* rest(
  { body }: Answer,
  skipped: number,
  { what, limits, signal }: Reading,
): AsyncGenerator<Buffer> {
  const pace = watchPace(limits, what, (error) => body.destroy(error));
  let ahead = skipped;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      pace.count(chunk.length);
      const wanted = chunk.subarray(Math.min(ahead, chunk.length));
      ahead -= chunk.length - wanted.length;
      if (wanted.length > 0) yield wanted;
    }
  } catch (error) {
    throw httpTrouble(error, what, signal);
  } finally {
    pace.end();
  }
}

function requireLength({ headers }: Answer, wanted: number, what: string): void {
  const said = headers["content-length"];
  if (said === undefined || Number(said) === wanted) return;
  throw new WhiskersError("content-mismatch", `${what} has ${String(said)} bytes instead of ${wanted}`);
}

function requireRange({ status, headers }: Answer, from: number, what: string): void {
  if (status !== 206) return;
  const said = headers["content-range"];
  if (typeof said === "string" && said.startsWith(`bytes ${from}-`)) return;
  throw new WhiskersError(
    "registry-violation",
    `${what} gave another part than we asked for: ${String(said)}`,
  );
}
