import type { Descriptor } from "../images/descriptor.ts";
import type { Reference } from "../images/reference.ts";
import type { RegistryOptions } from "./endpoints.ts";
import { fetchBlob } from "./fetch-blob.ts";
import { fetchManifest, findManifest } from "./fetch-manifest.ts";
import { deleteManifest } from "./delete-manifest.ts";
import type { HttpTimes } from "./http-exchange.ts";
import type { PaceLimits } from "./pace.ts";
import type { FetchedManifest } from "./pull-image.ts";
import { listReferrers } from "./list-referrers.ts";
import { putManifest } from "./put-manifest.ts";
import { putReferrer, type Referrer } from "./put-referrer.ts";
import { openRequests, type Requests } from "./requests.ts";
import { uploadBlob, type Upload, type Uploaded } from "./upload-blob.ts";

/**
 * Any registry of the OCI distribution specification, 1.0 and 1.1. All of them throw `registry-unavailable` after
 * several tries, `registry-refused`, `registry-credentials`, `registry-untrusted`, `registry-violation`, `cancelled`.
 */
export interface RegistryClient {
  /**
   * What a reference names: by its digest, or by its tag, which is then known by digest.
   * @throws WhiskersError also `content-mismatch`, `image-invalid`
   */
  manifest(reference: Reference, signal: AbortSignal): Promise<FetchedManifest>;
  /** The same, or null when the registry has none of that name. @throws as `manifest` */
  findManifest(reference: Reference, signal: AbortSignal): Promise<FetchedManifest | null>;
  /** A blob from a byte on. Whoever reads it checks its digest. @throws WhiskersError also `content-mismatch` for its size */
  blob(
    reference: Reference,
    descriptor: Descriptor,
    offset: number,
    signal: AbortSignal,
  ): AsyncIterable<Buffer>;
  /** Makes sure that a blob is there. */
  upload(reference: Reference, upload: Upload, signal: AbortSignal): Promise<Uploaded>;
  /** Puts a manifest under a reference's digest, or under its tag when it has no digest. */
  putManifest(reference: Reference, descriptor: Descriptor, text: Buffer, signal: AbortSignal): Promise<void>;
  /**
   * What refers to the manifest of a reference's digest, of one type or of any: by the referrers API, or by the tag
   * that stands for it where a registry has none. What a registry says of them is not to be trusted.
   */
  referrers(
    reference: Reference,
    artifactType: string | null,
    signal: AbortSignal,
  ): Promise<readonly Descriptor[]>;
  /** Puts a manifest that has a subject, and where the registry does not, lists it for its subject. */
  putReferrer(reference: Reference, referrer: Referrer, signal: AbortSignal): Promise<void>;
  /** Removes the manifest of a reference's digest, whatever else has it. False: it was not there. */
  deleteManifest(reference: Reference, signal: AbortSignal): Promise<boolean>;
  /** Cuts what is under way. */
  close(): Promise<void>;
}

/** How long registries are waited for, and how much at once they are given. */
export interface ClientLimits extends HttpTimes, PaceLimits {
  /** For everything but blobs, from the request to the end of the answer. */
  readonly wholeMs: number;
  /** Before the second try; later ones wait up to twice as long as the one before. */
  readonly retryMs: number;
  /** What one request of an upload carries. Few registries take more at once. */
  readonly chunkBytes: number;
}

/** What the parts of a client share. */
export interface ClientParts {
  readonly requests: Requests;
  readonly options: RegistryOptions;
  readonly limits: ClientLimits;
}

const LIMITS: ClientLimits = {
  connectMs: 10_000,
  silentMs: 30_000,
  wholeMs: 60_000,
  leastBytes: 16 * 1024,
  windowMs: 30_000,
  retryMs: 300,
  chunkBytes: 32 * 2 ** 20,
};

export function openRegistryClient(
  options: RegistryOptions,
  limits: Partial<ClientLimits> = {},
): RegistryClient {
  const all = { ...LIMITS, ...limits };
  const requests = openRequests(options, all);
  const parts: ClientParts = { requests, options, limits: all };
  return {
    manifest: (reference, signal) => fetchManifest(parts, reference, signal),
    findManifest: (reference, signal) => findManifest(parts, reference, signal),
    blob: (reference, descriptor, offset, signal) =>
      fetchBlob(parts, { reference, descriptor, offset, signal }),
    upload: (reference, upload, signal) => uploadBlob(parts, reference, upload, signal),
    putManifest: async (reference, descriptor, text, signal) => {
      await putManifest(parts, { reference, descriptor, text, signal });
    },
    referrers: (reference, artifactType, signal) => listReferrers(parts, reference, artifactType, signal),
    putReferrer: (reference, referrer, signal) => putReferrer(parts, reference, referrer, signal),
    deleteManifest: (reference, signal) => deleteManifest(parts, reference, signal),
    close: () => requests.close(),
  };
}
