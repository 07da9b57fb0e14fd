import { createHash } from "node:crypto";
import { closeSync, createReadStream, openSync, readSync, statSync } from "node:fs";
import { PassThrough, type Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";

import { messageOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { createTarReader } from "./tar-reader.ts";
import { createUnpackedTree, type UnpackLimits } from "./unpack-layer.ts";

export interface UnpackOrder {
  /** Absolute; empty. */
  readonly folder: string;
  /** A tree of lower layers that is there already. */
  readonly takeOver: string | null;
  /** The lowest first. */
  readonly layers: readonly LayerFile[];
  readonly limits: UnpackLimits;
}

export interface LayerFile {
  /** Absolute. */
  readonly file: string;
  /** As errors call it. */
  readonly digest: string;
  /** Digest of the layer before compression, as the image's config has it. */
  readonly diffId: string;
}

export interface Unpacked {
  readonly entries: number;
  readonly bytes: number;
  readonly leftOut: number;
}

const CHUNK_BYTES = 256 * 1024;

/**
 * Unpacks layers. The disk is used synchronously, which is several times as fast and stops everything else in
 * this thread: see `unpack-worker.ts`.
 * @throws WhiskersError `image-invalid`, `image-too-large`, `store-unusable`
 */
export async function unpackImage({ folder, takeOver, layers, limits }: UnpackOrder): Promise<Unpacked> {
  const tree = createUnpackedTree(folder, limits);
  if (takeOver !== null) tree.takeOver(takeOver);
  let streamed = 0;
  for (const layer of layers) {
    const hash = createHash("sha256");
    const reader = createTarReader(tree.layer(layer.digest), layer.digest);
    await decompress(layer, (chunk) => {
      // Counted before it is read: names alone, and holes between entries, can be as large as files.
      streamed += chunk.length;
      if (streamed > limits.mostBytes) {
        throw new WhiskersError(
          "image-too-large",
          `${layer.digest}: more than ${limits.mostBytes} bytes before compression`,
        );
      }
      hash.update(chunk);
      reader.write(chunk);
    });
    reader.end();
    const diffId = `sha256:${hash.digest("hex")}`;
    if (diffId !== layer.diffId) {
      throw new WhiskersError(
        "image-invalid",
        `${layer.digest}: its content is ${diffId}, the image's config says ${layer.diffId}`,
      );
    }
  }
  tree.finish();
  return { entries: tree.entries, bytes: tree.bytes, leftOut: tree.leftOut };
}

async function decompress(layer: LayerFile, onChunk: (chunk: Buffer) => void): Promise<void> {
  try {
    for await (const chunk of contentOf(layer.file)) onChunk(chunk);
  } catch (cause) {
    if (cause instanceof WhiskersError) throw cause;
    throw new WhiskersError("image-invalid", `${layer.digest} cannot be decompressed: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** By the first bytes: media types are wrong often enough, and the digest of the content is checked. */
function contentOf(file: string): AsyncIterable<Buffer> {
  const start = Buffer.alloc(4);
  const descriptor = openSync(file, "r");
  readSync(descriptor, start);
  closeSync(descriptor);
  if (start.readUInt16BE() === GZIP) return through(file, 0, createGunzip({ chunkSize: CHUNK_BYTES }));
  if (start.readUInt32LE() === ZSTD) return zstdContent(file);
  return through(file, 0, new PassThrough());
}

/** Frame after frame: Node.js stops after one that ends within what it was given. */
async function* zstdContent(file: string): AsyncGenerator<Buffer> {
  const { size } = statSync(file);
  for (let at = 0; at < size;) {
    const frame = createZstdDecompress({ chunkSize: CHUNK_BYTES });
    yield* through(file, at, frame);
    if (frame.bytesWritten === 0) throw new Error("it holds something that is no zstd");
    at += frame.bytesWritten;
  }
}

async function* through(file: string, start: number, transform: Transform): AsyncGenerator<Buffer> {
  const source = createReadStream(file, { start, highWaterMark: CHUNK_BYTES });
  source.on("error", (error) => transform.destroy(error)).pipe(transform);
  try {
    yield* transform as AsyncIterable<Buffer>;
  } finally {
    source.destroy();
    transform.destroy();
  }
}

/** RFC 1952. */
const GZIP = 0x1f8b;
/** RFC 8878. */
const ZSTD = 0xfd2fb528;
