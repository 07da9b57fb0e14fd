import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open, rename, rm, stat, utimes } from "node:fs/promises";
import path from "node:path";

import { codeOf, fileTroubleOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { type Descriptor, hexOf, isDigest, MEDIA_TYPES } from "./descriptor.ts";
import { draftFile, moveIntoPlace } from "./write-whole.ts";

/** What is known of content before it is there. */
export interface Expected {
  readonly mediaType?: string;
  readonly digest?: string;
  readonly size?: number;
}

/** Content from a byte on: what an earlier try got is not asked for again. */
export type ContentFrom = (offset: number) => AsyncIterable<Uint8Array>;

export interface Blobs {
  /**
   * Writes content and returns what it is. Digest and size are counted while it streams; content that is longer
   * than expected is cut off at once. When content of the expected digest is there already, nothing is read.
   * Content given as a function, with a digest, goes on where an earlier try ended.
   * @throws WhiskersError `content-mismatch` when it is not what was expected; `store-unusable`; what the content throws
   */
  put(content: AsyncIterable<Uint8Array> | ContentFrom, expected?: Expected): Promise<Descriptor>;
  /**
   * The content, whose digest is checked while it streams: it is to be trusted only when it has ended.
   * @throws WhiskersError `image-missing`; at its end `image-damaged`, after the blob was removed
   */
  open(digest: string): AsyncIterable<Buffer>;
  /** A part of the content, from a byte on and before another; nothing is checked. @throws WhiskersError `image-missing` */
  part(digest: string, start: number, end: number): AsyncIterable<Buffer>;
  /** Content that is small, whole. @throws as `open`, and `image-too-large` */
  read(digest: string, mostBytes: number): Promise<Buffer>;
  /** Size in bytes, or null when it is not there. */
  sizeOf(digest: string): Promise<number | null>;
}

const CHUNK_BYTES = 256 * 1024;
/** What an unfinished download is worth to be kept for the next try, bytes. */
const LEAST_KEPT_BYTES = 64 * 1024;

/**
 * @param hold keeps `gc` of any process away from what is being written
 * @param isOurs false: what is damaged stays where it is
 */
export function openBlobs(store: string, hold: () => Promise<Disposable>, isOurs = true): Blobs {
  const folder = path.join(store, "blobs", "sha256");
  const placeOf = (digest: string): string => {
    if (!isDigest(digest))
      throw new WhiskersError("reference-invalid", `${JSON.stringify(digest)} is no digest`);
    return path.join(folder, hexOf(digest));
  };

  return {
    async put(content, expected = {}) {
      const mediaType = expected.mediaType ?? MEDIA_TYPES.octets;
      if (expected.digest !== undefined) {
        const size = await this.sizeOf(expected.digest);
        if (size !== null && (expected.size ?? size) === size) {
          return { mediaType, digest: expected.digest, size };
        }
      }
      using _hold = await hold();
      const { digest, size } = await write(store, content, expected, placeOf);
      return { mediaType, digest, size };
    },

    async *open(digest) {
      const file = placeOf(digest);
      await using handle = await openBlob(file, digest);
      const hash = createHash("sha256");
      const buffers = [Buffer.allocUnsafe(CHUNK_BYTES), Buffer.allocUnsafe(CHUNK_BYTES)];
      for (let turn = 0; ; turn += 1) {
        const buffer = buffers[turn % 2] ?? Buffer.alloc(0);
        const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES);
        if (bytesRead === 0) break;
        hash.update(buffer.subarray(0, bytesRead));
        // A copy: whoever gets it may keep it.
        yield Buffer.from(buffer.subarray(0, bytesRead));
      }
      if (`sha256:${hash.digest("hex")}` === digest) return;
      if (isOurs) await rm(file, { force: true });
      throw new WhiskersError(
        "image-damaged",
        `the content of ${digest} in ${store} was changed${isOurs ? "; it is removed" : ""}`,
      );
    },

    async *part(digest, start, end) {
      if (start >= end) return;
      await using handle = await openBlob(placeOf(digest), digest);
      const options = { start, end: end - 1, highWaterMark: CHUNK_BYTES, autoClose: false };
      yield* handle.createReadStream(options) as AsyncIterable<Buffer>;
    },

    async read(digest, mostBytes) {
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of this.open(digest)) {
        size += chunk.length;
        if (size > mostBytes) {
          throw new WhiskersError("image-too-large", `${digest} is longer than ${mostBytes} bytes`);
        }
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    },

    async sizeOf(digest) {
      const file = placeOf(digest);
      try {
        const { size } = await stat(file);
        // When it was used last, for `gc`.
        const now = new Date();
        await utimes(file, now, now);
        return size;
      } catch (error) {
        if (codeOf(error) === "ENOENT") return null;
        if (codeOf(error) === "EPERM" || codeOf(error) === "EACCES" || codeOf(error) === "EROFS") {
          return (await stat(file)).size;
        }
        throw error;
      }
    },
  };
}

async function openBlob(file: string, digest: string): Promise<FileHandle> {
  try {
    return await open(file, "r");
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") {
      throw new WhiskersError("image-missing", `${digest} is not in the image store`, { cause });
    }
    throw new WhiskersError("store-unusable", `${file}: ${fileTroubleOf(cause)}`, { cause });
  }
}

interface Written {
  readonly digest: string;
  readonly size: number;
}

async function write(
  store: string,
  content: AsyncIterable<Uint8Array> | ContentFrom,
  expected: Expected,
  placeOf: (digest: string) => string,
): Promise<Written> {
  const draft = draftFile(store);
  const isResumable = typeof content === "function" && expected.digest !== undefined;
  const partial = isResumable ? path.join(store, "drafts", `partial-${hexOf(expected.digest)}`) : null;
  try {
    // By a rename, so that of several processes one goes on with it.
    if (partial !== null) await rename(partial, draft).catch(() => {});
    const { hash, offset } = await hashOfDraft(draft);
    const written = await append(draft, typeof content === "function" ? content(offset) : content, {
      hash,
      offset,
      expected,
    });
    await unlessOurs(moveIntoPlace(draft, placeOf(written.digest)), store);
    return written;
  } catch (error) {
    const isWrong = error instanceof WhiskersError && error.code === "content-mismatch";
    if (partial !== null && !isWrong && (await sizeOfFile(draft)) >= LEAST_KEPT_BYTES) {
      await rename(draft, partial).catch(() => {});
    }
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

interface Progress {
  readonly hash: Hash;
  readonly offset: number;
  readonly expected: Expected;
}

async function append(
  draft: string,
  content: AsyncIterable<Uint8Array>,
  { hash, offset, expected }: Progress,
): Promise<Written> {
  await using handle = await unlessOurs(open(draft, "a", 0o644), draft);
  let size = offset;
  for await (const chunk of content) {
    size += chunk.length;
    if (expected.size !== undefined && size > expected.size) {
      throw mismatch(expected, `more than ${expected.size} bytes`);
    }
    hash.update(chunk);
    await unlessOurs(handle.writeFile(chunk), draft);
  }
  const digest = `sha256:${hash.digest("hex")}`;
  if (expected.size !== undefined && size !== expected.size) {
    throw mismatch(expected, `${size} bytes instead of ${expected.size}`);
  }
  if (expected.digest !== undefined && digest !== expected.digest) throw mismatch(expected, digest);
  await unlessOurs(handle.sync(), draft);
  return { digest, size };
}

async function hashOfDraft(draft: string): Promise<{ readonly hash: Hash; readonly offset: number }> {
  const hash = createHash("sha256");
  let offset = 0;
  try {
    await using handle = await open(draft, "r");
    for await (const chunk of handle.createReadStream({ highWaterMark: CHUNK_BYTES, autoClose: false })) {
      hash.update(chunk as Buffer);
      offset += (chunk as Buffer).length;
    }
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
  return { hash, offset };
}

async function sizeOfFile(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

function mismatch({ digest }: Expected, got: string): WhiskersError {
  return new WhiskersError("content-mismatch", `${digest ?? "content"} was expected: got ${got}`);
}

/** What fails here is the disk, not the content. */
async function unlessOurs<T>(work: Promise<T>, where: string): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new WhiskersError("store-unusable", `${where}: ${fileTroubleOf(cause)}`, { cause });
  }
}
