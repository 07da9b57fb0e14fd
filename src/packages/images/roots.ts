import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import path from "node:path";

import type { Root } from "../../domain/package.ts";
import { codeOf, fileTroubleOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import type { Blobs } from "./blobs.ts";
import { hexOf, MEDIA_TYPES } from "./descriptor.ts";
import { type FileLock, lockExclusively, lockShared } from "./file-lock.ts";
import { type ImageManifest, readConfig, readImage } from "./manifest.ts";
import { syncTree } from "./sync-tree.ts";
import type { LayerFile, Unpacked } from "./unpack-image.ts";
import { unpackInWorker } from "./unpack-in-worker.ts";
import type { UnpackLimits } from "./unpack-layer.ts";
import { draftFile, syncFolder } from "./write-whole.ts";

export interface RootOptions {
  /** For people and records: a reference; otherwise the manifest's digest. */
  readonly name?: string;
  /** Only so many of the lowest layers. Images that share them share their root. */
  readonly layers?: number;
  readonly signal?: AbortSignal;
}

export interface Roots {
  root(manifest: string, options?: RootOptions): Promise<Root>;
  /** Lets go of the roots that were given. */
  close(): void;
}

/** What `gc` may remove. */
export interface IdleRoot {
  readonly bytes: number;
  readonly usedMs: number;
  /** False: it is in use after all. */
  readonly remove: () => Promise<boolean>;
}

/** Layers that can be unpacked. Others are of artifacts, or may not be distributed. */
const LAYER_TYPES: ReadonlySet<string> = new Set([
  MEDIA_TYPES.layerTar,
  MEDIA_TYPES.layerGzip,
  MEDIA_TYPES.layerZstd,
  MEDIA_TYPES.dockerLayer,
  "application/vnd.docker.image.rootfs.diff.tar",
]);

/** @param hold keeps `gc` of any process away from what is being read and written */
export function openRoots(
  store: string,
  blobs: Blobs,
  hold: (signal?: AbortSignal) => Promise<Disposable>,
  limits: UnpackLimits,
): Roots {
  const locks = new Map<string, Promise<FileLock>>();
  const underWay = new Map<string, Promise<void>>();

  return {
    async root(manifestDigest, { name = manifestDigest, layers: wanted, signal } = {}) {
      using _hold = await hold(signal);
      const { manifest, digest } = await readImage(blobs, manifestDigest);
      const layers = await layersOf(manifest, digest);
      const chain = chainOf(layers.slice(0, wanted));
      const top = chain.at(-1);
      if (top === undefined) throw new WhiskersError("image-invalid", `${digest}: an image without layers`);
      await keep(top);
      const folder = placeOf(top);
      while (!(await isThere(folder))) {
        // Of several at once in this process, one does the work, and all get what came of it.
        const others = underWay.get(top);
        const work = others ?? make(chain, layers, signal).finally(() => underWay.delete(top));
        underWay.set(top, work);
        await (others === undefined ? work : settled(work, signal));
      }
      return { name, digest: top, folder: path.join(folder, "tree") };
    },
    close() {
      for (const lock of locks.values()) lock.then((each) => each.release()).catch(() => {});
      locks.clear();
    },
  };

  async function layersOf(manifest: ImageManifest, digest: string): Promise<readonly LayerFile[]> {
    const { diffIds } = await readConfig(blobs, manifest);
    if (diffIds.length !== manifest.layers.length) {
      throw new WhiskersError(
        "image-invalid",
        `${digest}: ${manifest.layers.length} layers, and digests of ${diffIds.length} in its config`,
      );
    }
    return manifest.layers.map((layer, index) => {
      if (!LAYER_TYPES.has(layer.mediaType)) {
        throw new WhiskersError(
          "image-invalid",
          `${digest}: a layer of type ${layer.mediaType} is no file system`,
        );
      }
      const file = path.join(store, "blobs", "sha256", hexOf(layer.digest));
      return { file, digest: layer.digest, diffId: diffIds[index] ?? "" };
    });
  }

  async function make(
    chain: readonly string[],
    layers: readonly LayerFile[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const top = chain.at(-1) ?? "";
    const draft = draftFile(store);
    try {
      await onDisk(mkdir(path.join(draft, "tree"), { recursive: true, mode: 0o755 }));
      const { below, count } = await longestBelow(chain);
      const missing = layers.slice(count, chain.length);
      for (const { digest } of missing) {
        if ((await blobs.sizeOf(digest)) === null) {
          throw new WhiskersError("image-missing", `layer ${digest} is not in the image store`);
        }
      }
      const unpacked = await unpack(draft, below, missing, signal);
      await onDisk(
        writeFile(path.join(draft, "root.json"), `${JSON.stringify({ chain, ...unpacked }, null, 2)}\n`),
      );
      await onDisk(syncTree(draft));
      await putInPlace(draft, placeOf(top));
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }

  async function unpack(
    draft: string,
    takeOver: string | null,
    layers: readonly LayerFile[],
    signal: AbortSignal | undefined,
  ): Promise<Unpacked> {
    try {
      const folder = path.join(draft, "tree");
      return await unpackInWorker({ folder, takeOver, layers, limits }, signal);
    } catch (error) {
      if (error instanceof WhiskersError && error.code === "image-invalid") {
        // Whose fault is it: then this says `image-damaged`.
        for (const { digest } of layers) for await (const _ of blobs.open(digest));
      }
      throw error;
    }
  }

  /** The most of these layers that are unpacked already. */
  async function longestBelow(
    chain: readonly string[],
  ): Promise<{ readonly below: string | null; readonly count: number }> {
    for (let count = chain.length - 1; count > 0; count -= 1) {
      const id = chain[count - 1] ?? "";
      await keep(id);
      if (await isThere(placeOf(id))) return { below: path.join(placeOf(id), "tree"), count };
    }
    return { below: null, count: 0 };
  }

  /** From now on until `close`, `gc` leaves a root alone. */
  async function keep(id: string): Promise<void> {
    const file = lockFileOf(store, id);
    let lock = locks.get(file);
    if (lock === undefined) {
      lock = lockShared(file);
      locks.set(file, lock);
    }
    await lock;
  }

  function placeOf(id: string): string {
    return path.join(store, "roots", hexOf(id));
  }
}

/**
 * Roots that `gc` may look at.
 * @param store whose drafts nobody else uses now
 */
export async function listRoots(store: string): Promise<readonly IdleRoot[]> {
  const folder = path.join(store, "roots");
  const names = (await readdir(folder)).filter((name) => /^[0-9a-f]{64}$/u.test(name));
  return Promise.all(
    names.map(async (name) => {
      const root = path.join(folder, name);
      const { bytes, usedMs } = await describe(root);
      const remove = async (): Promise<boolean> => {
        const lock = await lockExclusively(lockFileOf(store, `sha256:${name}`), 0);
        if (lock === null) return false;
        const draft = draftFile(store);
        try {
          await rename(root, draft);
        } finally {
          lock.release();
        }
        await rm(draft, { recursive: true, force: true });
        return true;
      };
      return { bytes, usedMs, remove };
    }),
  );
}

async function describe(root: string): Promise<{ readonly bytes: number; readonly usedMs: number }> {
  const file = path.join(root, "root.json");
  const { mtimeMs } = await stat(file);
  const { bytes } = JSON.parse(await readFile(file, "utf8")) as { readonly bytes: number };
  return { bytes, usedMs: mtimeMs };
}

/** One lock for several roots, so that there is an end to the files. */
function lockFileOf(store: string, id: string): string {
  return path.join(store, "locks", `roots-${hexOf(id).slice(0, 2)}`);
}

/** The `ChainID`s of the OCI image specification: what layers, one on the other, come to. */
function chainOf(layers: readonly LayerFile[]): readonly string[] {
  const chain: string[] = [];
  for (const { diffId } of layers) {
    const below = chain.at(-1);
    const hash = createHash("sha256").update(`${String(below)} ${diffId}`);
    chain.push(below === undefined ? diffId : `sha256:${hash.digest("hex")}`);
  }
  return chain;
}

/** Waits for somebody else's work, as long as we want it. That they gave up is no reason for us to. */
async function settled(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  const cancelled = Promise.withResolvers<never>();
  const onAbort = (): void => {
    cancelled.reject(new WhiskersError("cancelled", "unpacking was cancelled"));
  };
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted === true) onAbort();
  try {
    await Promise.race([work, cancelled.promise]);
  } catch (error) {
    const gaveUp = error instanceof WhiskersError && error.code === "cancelled";
    if (!gaveUp || signal?.aborted === true) throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

async function isThere(folder: string): Promise<boolean> {
  const now = new Date();
  try {
    // When it was used last, for `gc`.
    await utimes(path.join(folder, "root.json"), now, now);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    return (await stat(path.join(folder, "root.json")).catch(() => null)) !== null;
  }
}

async function putInPlace(draft: string, place: string): Promise<void> {
  try {
    await rename(draft, place);
  } catch (error) {
    // Another process was first.
    if (codeOf(error) === "ENOTEMPTY" || codeOf(error) === "EEXIST") return;
    throw error;
  }
  await syncFolder(path.dirname(place));
}

async function onDisk<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new WhiskersError("store-unusable", `unpacking: ${fileTroubleOf(cause)}`, { cause });
  }
}
