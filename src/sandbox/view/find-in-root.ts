import { lstatSync, readlinkSync } from "node:fs";
import path from "node:path/posix";

/** As many as the kernel follows before it says ELOOP. */
const MOST_LINKS = 40;

/**
 * Programs called `name` in the folders of `searchPath`, as a process sees them whose root `root` is. Links are
 * followed inside it and nowhere else: the root may be hostile.
 */
export function findInRoot(root: string, name: string, searchPath: string): readonly string[] {
  return searchPath
    .split(":")
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, name))
    .filter((file) => isProgram(root, file));
}

function isProgram(root: string, file: string): boolean {
  const real = resolveInRoot(root, file);
  if (real === null) return false;
  try {
    const stats = lstatSync(path.join(root, real));
    return stats.isFile() && (stats.mode & 0o111) !== 0;
  } catch {
    return false;
  }
}

/** The path without links, seen from inside; null: there is no such file. */
export function resolveInRoot(root: string, file: string): string | null {
  const left = file.split("/");
  let links = 0;
  let at = "/";
  while (left.length > 0) {
    const name = left.shift() ?? "";
    const next = path.join(at, name);
    try {
      const target = path.join(root, next);
      if (!lstatSync(target).isSymbolicLink()) at = next;
      else if ((links += 1) > MOST_LINKS) return null;
      else {
        const to = readlinkSync(target);
        if (path.isAbsolute(to)) at = "/";
        left.unshift(...to.split("/"));
      }
    } catch {
      return null;
    }
  }
  return at;
}
