import { lstat, readdir, readlink } from "node:fs/promises";
import path from "node:path";

import { WhiskersError } from "../../errors.ts";

/** One entry of a layer. Everything that a disk says besides (times, owners, other bits) is left behind. */
export type TreeEntry =
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "file"; readonly path: string; readonly executable: boolean; readonly size: number }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

/**
 * Everything below a folder of ours, a parent before what is in it, names by their bytes. Devices, pipes and sockets
 * are left out, as they are when an image is unpacked.
 * @throws WhiskersError `package-unreadable` a name that is not UTF-8
 */
export async function* listTree(folder: string, below = ""): AsyncGenerator<TreeEntry> {
  const names = await readdir(path.join(folder, below), { encoding: "buffer" });
  for (const raw of names.toSorted((one, other) => Buffer.compare(one, other))) {
    const name = raw.toString("utf8");
    const relative = below === "" ? name : `${below}/${name}`;
    if (!Buffer.from(name).equals(raw)) {
      throw new WhiskersError("package-unreadable", `${folder}: ${relative}: a name that is not UTF-8`);
    }
    const stats = await lstat(path.join(folder, relative));
    if (stats.isDirectory()) {
      yield { kind: "folder", path: relative };
      yield* listTree(folder, relative);
    } else if (stats.isSymbolicLink()) {
      yield { kind: "link", path: relative, target: await readlink(path.join(folder, relative)) };
    } else if (stats.isFile()) {
      yield { kind: "file", path: relative, executable: (stats.mode & 0o100) !== 0, size: stats.size };
    }
  }
}
