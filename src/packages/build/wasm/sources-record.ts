import { open } from "node:fs/promises";

/** A custom section at a module's end, of modules and components alike: what it was compiled from. */
const NAME = Buffer.from("whiskers:sources");
const DIGEST_CHARS = 64;
const HEAD = Buffer.from([0, 1 + NAME.length + DIGEST_CHARS, NAME.length, ...NAME]);

/** @throws what `open` of Node.js does */
export async function writeSourcesRecord(module: string, digest: string): Promise<void> {
  await using handle = await open(module, "r+");
  const { size } = await handle.stat();
  await handle.write(Buffer.concat([HEAD, Buffer.from(digest)]), 0, null, size);
}

/** Null: it does not say. @throws what `open` of Node.js does */
export async function readSourcesRecord(module: string): Promise<string | null> {
  await using handle = await open(module);
  const { size } = await handle.stat();
  const tail = Buffer.alloc(HEAD.length + DIGEST_CHARS);
  if (size < tail.length) return null;
  await handle.read(tail, 0, tail.length, size - tail.length);
  return tail.subarray(0, HEAD.length).equals(HEAD) ? tail.toString("latin1", HEAD.length) : null;
}
