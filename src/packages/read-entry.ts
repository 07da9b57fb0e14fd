import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import path from "node:path";

import { fileTroubleOf } from "../domain/unknown.ts";
import type { DigestEntry } from "./digest.ts";
import { type FolderEntry, unreadable } from "./list-folder.ts";

const CHUNK_BYTES = 256 * 1024;

/**
 * Reads one entry of a folder once, gives every chunk of a file to `onChunk`, and returns what was read,
 * as it enters the digest. `onChunk` must be done with its buffer when its promise settles.
 * @throws WhiskersError `package-unreadable`, also when the file grew or shrank since it was listed
 */
export async function readEntry(
  folder: string,
  entry: FolderEntry,
  onChunk?: (chunk: Buffer) => Promise<void>,
): Promise<DigestEntry> {
  if (entry.kind === "link") return { kind: "link", path: entry.path, target: entry.target };
  const hash = createHash("sha256");
  let sizeBytes = 0;
  // NOFOLLOW and NONBLOCK: what was a file when it was listed may be a link or a pipe by now.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    await using file = await open(path.join(folder, entry.path), flags);
    if (!(await file.stat()).isFile()) throw new Error("no file any more");
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, entry.sizeBytes + 1));
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) break;
      sizeBytes += bytesRead;
      if (sizeBytes > entry.sizeBytes) throw new Error("it grew while it was read");
      const chunk = buffer.subarray(0, bytesRead);
      hash.update(chunk);
      await onChunk?.(chunk);
    }
  } catch (cause) {
    throw unreadable(folder, entry.path, fileTroubleOf(cause), cause);
  }
  if (sizeBytes !== entry.sizeBytes) throw unreadable(folder, entry.path, "it shrank while it was read");
  return {
    kind: "file",
    path: entry.path,
    executable: entry.executable,
    sizeBytes,
    sha256: hash.digest("hex"),
  };
}
