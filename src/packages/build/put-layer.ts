import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { PassThrough, Readable } from "node:stream";
import { createGzip } from "node:zlib";

import { isObject } from "../../domain/unknown.ts";
import { type Descriptor, isDigest, MEDIA_TYPES, parseDescriptor } from "../images/descriptor.ts";
import type { ImageStore } from "../images/image-store.ts";
import { layerArchive, type LayerSource } from "./layer-archive.ts";

/** A layer in the store. */
export interface Layer {
  readonly descriptor: Descriptor;
  /** Digest before compression. */
  readonly diffId: string;
}

/**
 * The level that zlib takes by itself. Node.js' zlib gives the same bytes on every processor: on x86-64 with and
 * without SSE4.2, and on AArch64; `put-layer.test.ts` holds it to that.
 */
const LEVEL = 6;
/** Counts whatever changes the bytes of a layer. */
const MAKING = 1;

export interface PutLayerOptions {
  readonly store: ImageStore;
  readonly home: string;
  readonly signal: AbortSignal;
}

/**
 * Puts folders into the store as one layer, unless it is there already.
 * @param digest names the content of the folders: equal digests and places, equal layer
 */
export async function putLayer(
  sources: readonly LayerSource[],
  digest: string,
  { store, home, signal }: PutLayerOptions,
): Promise<Layer> {
  const key = JSON.stringify([MAKING, digest, sources.map(({ place }) => place)]);
  const file = path.join(home, "cache", "layers", createHash("sha256").update(key).digest("hex"));
  const known = await readKnown(file);
  if (known !== null && (await store.sizeOf(known.descriptor.digest)) === known.descriptor.size) return known;
  const hash = createHash("sha256");
  async function* hashed(): AsyncGenerator<Buffer> {
    for await (const chunk of layerArchive(sources)) {
      signal.throwIfAborted();
      hash.update(chunk);
      yield chunk;
    }
  }
  const packed = new PassThrough();
  const [stored] = await Promise.all([
    store.put(packed, { mediaType: MEDIA_TYPES.layerGzip }),
    pipeline(Readable.from(hashed()), createGzip({ level: LEVEL }), packed),
  ]);
  const layer = { descriptor: stored, diffId: `sha256:${hash.digest("hex")}` };
  await remember(file, layer);
  return layer;
}

async function readKnown(file: string): Promise<Layer | null> {
  let known: unknown;
  try {
    known = JSON.parse(await readFile(file, "utf8"));
  } catch {
    return null; // Not there, or damaged: the layer is made again.
  }
  if (!isObject(known) || typeof known["diffId"] !== "string" || !isDigest(known["diffId"])) return null;
  const descriptor = parseDescriptor(known["descriptor"]);
  return typeof descriptor === "string" ? null : { descriptor, diffId: known["diffId"] };
}

async function remember(file: string, layer: Layer): Promise<void> {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(draft, JSON.stringify(layer));
  await rename(draft, file);
}
