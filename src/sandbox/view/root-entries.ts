import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import path from "node:path/posix";

import { WhiskersError } from "../../errors.ts";
import type { Entry } from "./view.ts";

/** The sandbox's own: whatever a root has there, a guest does not see it. */
const OURS = new Set(["dev", "proc", "run", "sys", "tmp", "whiskers"]);
/** Each is a mount at every start. */
const MOST_ENTRIES = 64;

/**
 * What a sandbox shows of a root filesystem: its folders, each mounted by itself into a root of ours. So it does not
 * matter what it has in the places of /proc, /dev, /tmp and /whiskers: nothing is ever mounted on anything of it,
 * and no link of it is followed outside of the sandbox.
 */
export function rootEntries(folder: string): readonly Entry[] {
  const names = readdirSync(folder).filter((name) => !OURS.has(name));
  if (names.length > MOST_ENTRIES) {
    const message = `${folder} is no root filesystem: it has more than ${MOST_ENTRIES} entries`;
    throw new WhiskersError("environment-missing", message);
  }
  return names.toSorted().flatMap((name): readonly Entry[] => {
    const source = path.join(folder, name);
    const target = `/${name}`;
    const stats = lstatSync(source);
    if (stats.isSymbolicLink()) return [{ kind: "link", target, to: readlinkSync(source) }];
    if (stats.isDirectory()) return [{ kind: "read-only", source, target }];
    if (stats.isFile()) return [{ kind: "read-only", source, target, isFile: true }];
    return [];
  });
}
