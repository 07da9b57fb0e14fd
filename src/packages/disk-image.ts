import { chmod } from "node:fs/promises";

import { blockImage } from "./block-image.ts";
import { digestTree } from "./roots/digest-tree.ts";

/**
 * A folder as a disk that cannot be written to, for virtual machines: made once for its content, kept in the cache
 * below `home`, readable by every user, since a monitor is one of its own.
 * @param digest of the folder, as `digestTree` tells it, where it is known; null: it is found out
 * @returns the file's absolute path
 * @throws WhiskersError `environment-missing` there is no mkfs.erofs; `root-failed`
 */
export async function diskImage(folder: string, digest: string | null, home: string): Promise<string> {
  const known = digest ?? (await digestTree(folder));
  const signal = new AbortController().signal;
  const file = await blockImage({ name: "disk", digest: known, folder }, "erofs", { home, signal });
  await chmod(file, 0o444);
  return file;
}
