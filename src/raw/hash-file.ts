import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { type Readable, Transform, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

export interface Hashed {
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** Size and hash of a file, never whole in memory. */
export function hashFile(path: string, signal?: AbortSignal): Promise<Hashed> {
  return hashStream(createReadStream(path, { highWaterMark: 1024 * 1024 }), null, signal);
}

/** Writes a stream to a new file, which is removed again when that fails. */
export async function spool(source: Readable, path: string, signal?: AbortSignal): Promise<Hashed> {
  try {
    return await hashStream(source, path, signal);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

async function hashStream(source: Readable, path: string | null, signal?: AbortSignal): Promise<Hashed> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      done(null, chunk);
    },
  });
  const target = path === null ? discard() : createWriteStream(path, { flags: "wx", mode: 0o600 });
  await pipeline(source, count, target, signal === undefined ? {} : { signal });
  return { sizeBytes, sha256: hash.digest("hex") };
}

function discard(): Writable {
  return new Writable({
    write(_chunk, _encoding, done) {
      done();
    },
  });
}
