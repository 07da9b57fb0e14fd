import { constants, readFileSync, readdirSync } from "node:fs";
import path from "node:path/posix";

import { mayAccess } from "../may-access.ts";
import { killPids, readPids, removeCgroup } from "./control-files.ts";
import { findOwnFolders } from "./hierarchies.ts";

/**
 * Removes cgroups below that of this process in every hierarchy, also those that limit nothing: a container runtime
 * makes one in each.
 */
export async function removeEverywhere(isWanted: (name: string) => boolean): Promise<void> {
  // Where this user may make none, there are none of his.
  for (const parent of ownFolders().filter((folder) => mayAccess(folder, constants.W_OK))) {
    for (const name of namesIn(parent)) {
      if (!isWanted(name)) continue;
      const folder = path.join(parent, name);
      await removeCgroup(folder, () => {
        killPids(readPids(folder));
      });
    }
  }
}

function ownFolders(): readonly string[] {
  return findOwnFolders(
    readFileSync("/proc/self/cgroup", "utf8"),
    readFileSync("/proc/self/mountinfo", "utf8"),
  );
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
