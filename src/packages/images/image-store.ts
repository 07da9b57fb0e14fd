import { mkdir } from "node:fs/promises";
import path from "node:path";

import type { Root } from "../../domain/package.ts";
import { fileTroubleOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { type Attachments, openAttachments } from "./attachments.ts";
import { type Blobs, openBlobs } from "./blobs.ts";
import { collectGarbage, type Bounds, type Collected } from "./collect-garbage.ts";
import { lockShared } from "./file-lock.ts";
import { writeWhole } from "./write-whole.ts";
import { openReferences, type References } from "./references.ts";
import { openRoots, type RootOptions } from "./roots.ts";
import type { UnpackLimits } from "./unpack-layer.ts";

/**
 * Images on this machine, under `<home>/images`:
 *
 *     oci-layout               as in an OCI image layout
 *     blobs/sha256/<hex>       manifests, configs, layers: content by its digest, never changed
 *     references/<hash>.json   what a reference names; one file each, so that processes do not meet
 *     attached/<hex>/          what belongs to the manifest <hex>: signatures, a list of components; one file each
 *     roots/<hex>/tree         unpacked layers, shared read-only; <hex> names the chain of layers
 *     drafts/                  what is being written; anything in it may be deleted when nobody holds the store
 *     locks/                   locks of the kernel, free when their holder ends in whatever way
 *
 * Any number of processes use it at once. Everything appears whole, by a rename, and is on the disk before it
 * appears, so that a process killed at any moment, and a machine that loses power, leave it valid.
 */
export interface ImageStore extends Blobs, References, Attachments {
  /** Absolute. */
  readonly folder: string;
  /**
   * While it is held, nothing is removed by `gc` of any process: take it before the first `put` or `has` of what
   * is tagged in the end, and release it after `tag`. Every process may hold it at the same time.
   */
  hold(signal?: AbortSignal): Promise<Hold>;
  /**
   * The root filesystem of an image: its layers, unpacked once, and shared by all who ask. `gc` leaves it alone
   * until the store is closed, or this process ends.
   * @param manifest digest of an image's manifest, or of an index that has one for this machine
   * @throws WhiskersError `image-missing`, `image-invalid`, `image-too-large`, `image-damaged`, `cancelled`
   */
  root(manifest: string, options?: RootOptions): Promise<Root>;
  /** Removes what is neither tagged nor in use, within bounds. */
  gc(bounds: Bounds, signal?: AbortSignal): Promise<Collected>;
  /** Lets go of the roots that were given. Idempotent. */
  close(): void;
}

export interface Hold extends Disposable {
  /** Idempotent. */
  release(): void;
}

/** For one image: far more than a normalizer needs, far less than a disk has. */
const UNPACK_LIMITS: UnpackLimits = { mostBytes: 8 * 2 ** 30, mostEntries: 500_000 };

/**
 * Opens the store under `home`, and makes it when it is not there.
 * @throws WhiskersError `store-unusable`
 */
export async function openImageStore(
  home: string,
  { unpackLimits = UNPACK_LIMITS }: { readonly unpackLimits?: UnpackLimits } = {},
): Promise<ImageStore> {
  const folder = path.join(path.resolve(home), "images");
  try {
    for (const name of ["blobs/sha256", "references", "attached", "roots", "drafts", "locks"]) {
      await mkdir(path.join(folder, name), { recursive: true });
    }
    await writeWhole(folder, path.join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}\n');
  } catch (cause) {
    throw new WhiskersError("store-unusable", `${folder}: ${fileTroubleOf(cause)}`, { cause });
  }
  const lockFile = path.join(folder, "locks", "store");
  const hold = async (signal?: AbortSignal): Promise<Hold> => {
    const lock = await lockShared(lockFile, signal);
    return { release: () => lock.release(), [Symbol.dispose]: () => lock.release() };
  };
  const blobs = openBlobs(folder, hold);
  const references = openReferences(folder, blobs);
  const attachments = openAttachments(folder, blobs);
  const roots = openRoots(folder, blobs, hold, unpackLimits);
  return {
    folder,
    ...blobs,
    ...references,
    ...attachments,
    hold,
    root: (manifest, options) => roots.root(manifest, options),
    close: () => {
      roots.close();
    },
    gc: (bounds, signal) =>
      collectGarbage({ folder, lockFile, blobs, references, attachments, bounds, signal }),
  };
}
