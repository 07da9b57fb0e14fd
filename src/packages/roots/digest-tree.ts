import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";

/**
 * The identity of a root filesystem, `sha256:<hex>` over a listing of it: names, kinds, executable bits, links
 * and content. Times and owners do not count.
 */
export async function digestTree(folder: string): Promise<string> {
  const hash = createHash("sha256").update("whiskers-root/1\n");
  for await (const line of list(folder, "")) hash.update(`${line}\n`);
  return `sha256:${hash.digest("hex")}`;
}

async function* list(root: string, below: string): AsyncGenerator<string> {
  const names = await readdir(path.join(root, below));
  for (const name of names.toSorted()) {
    const relative = path.posix.join(below, name);
    const file = path.join(root, relative);
    const stats = await lstat(file);
    if (stats.isSymbolicLink()) yield ["link", relative, await readlink(file)].join("\0");
    else if (stats.isDirectory()) {
      yield ["folder", relative].join("\0");
      yield* list(root, relative);
    } else if (stats.isFile()) {
      const executable = (stats.mode & 0o100) === 0 ? "-" : "x";
      yield ["file", relative, executable, String(stats.size), await hashOf(file)].join("\0");
    } else {
      throw new Error(`${relative} is neither a file nor a folder nor a link`);
    }
  }
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
