import { readFileSync } from "node:fs";

import type { CgroupView } from "./cgroup.ts";
import { findHierarchies } from "./hierarchies.ts";
import type { Controller } from "./hierarchies.ts";
import { viewCgroupV1 } from "./v1.ts";
import { viewCgroupV2 } from "./v2.ts";

/**
 * The control group that a process of this machine is in, when its path has `name` in it: else it may be one that
 * the process shares with others. Null: there is none that we can see.
 */
export function cgroupOfProcess(pid: number, name: string): CgroupView | null {
  let found;
  try {
    found = findHierarchies(
      readFileSync(`/proc/${pid}/cgroup`, "utf8"),
      readFileSync("/proc/self/mountinfo", "utf8"),
    ).filter(({ folder }) => folder.includes(name));
  } catch {
    return null;
  }
  const folders = new Map<Controller, string>();
  for (const { version, controllers, folder } of found) {
    if (version === 1) for (const controller of controllers) folders.set(controller, folder);
  }
  if (folders.has("memory")) return viewCgroupV1(folders);
  const unified = found.find(({ version }) => version === 2);
  return unified === undefined ? null : viewCgroupV2(unified.folder);
}
