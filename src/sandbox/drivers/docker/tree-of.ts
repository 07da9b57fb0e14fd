import { lstat, readdir, readlink } from "node:fs/promises";
import path from "node:path/posix";

import type { TarEntry } from "./tar.ts";

/**
 * A folder and all that is in it, in the order of names; of modes only what decides who may run it. Set-uid bits,
 * attributes and owners are left out, and so is what is neither file nor folder nor link, or has a name that is not UTF-8.
 */
export async function* treeOf(
  folder: string,
  target: string,
  options: {
    /** Of when files were changed: what was compiled from them says it too. */
    readonly keepTimes?: boolean;
  } = {},
): AsyncGenerator<TarEntry> {
  if (target !== "") yield { kind: "folder", path: target, mode: 0o755 };
  for (const name of (await readdir(folder)).toSorted()) {
    const source = path.join(folder, name);
    const inside = path.join(target, name);
    if (name.includes("\uFFFD")) continue;
    const stats = await lstat(source);
    if (stats.isDirectory()) yield* treeOf(source, inside, options);
    else if (stats.isSymbolicLink()) yield { kind: "link", path: inside, to: await readlink(source) };
    else if (stats.isFile()) {
      const mode = (stats.mode & 0o100) === 0 ? 0o644 : 0o755;
      const changedSeconds = options.keepTimes === true ? Math.floor(stats.mtimeMs / 1000) : 0;
      yield { kind: "copy", path: inside, mode, source, sizeBytes: stats.size, changedSeconds };
    }
  }
}
