import { readdir, rm } from "node:fs/promises";
import path from "node:path/posix";

import { removeEverywhere } from "../../cgroup/everywhere.ts";
import { isStaleSandbox } from "../../cgroup/owner.ts";
import { listByArgument, listTree } from "../process-tree.ts";
import { send } from "../signals.ts";

/**
 * Removes what processes that were killed left of their containers: their processes, cgroups, bundles and the runtimes'
 * records. The names say whose they are (pid and start time), so any number of processes may do this at once, and
 * none touches what belongs to a living one. Mounts are all in namespaces that end with their processes.
 */
export async function reap(folders: { readonly bundles: string; readonly records: string }): Promise<void> {
  const names = new Set<string>();
  for (const folder of Object.values(folders)) {
    for (const file of await readdir(folder).catch(() => [])) {
      const name = ownerOf(file);
      if (isStaleSandbox(name)) names.add(name);
    }
  }
  // The runtime has the name, and what it started has not: without a cgroup that is found by its descent alone.
  for (const name of names) for (const pid of listByArgument(name).flatMap(listTree)) send(pid, "SIGKILL");
  await removeEverywhere(isStaleSandbox);
  for (const name of names) await removeFiles(folders, name);
}

/** runc keeps a folder named as the container, gVisor files `NAME_sandbox:NAME.state`. */
function ownerOf(file: string): string {
  return file.replace(/_sandbox:.*$/u, "");
}

export async function removeFiles(
  folders: { readonly bundles: string; readonly records: string },
  name: string,
): Promise<void> {
  for (const file of await readdir(folders.records)) {
    if (ownerOf(file) === name) await rm(path.join(folders.records, file), { recursive: true, force: true });
  }
  await rm(path.join(folders.bundles, name), { recursive: true, force: true });
}
