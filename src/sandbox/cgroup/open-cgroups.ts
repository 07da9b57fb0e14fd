import { readFileSync } from "node:fs";

import type { CgroupParent } from "./cgroup.ts";
import { findHierarchies } from "./hierarchies.ts";
import { openCgroupsV1 } from "./v1.ts";
import { openCgroupsV2 } from "./v2.ts";

/**
 * Where this process may make cgroups for its sandboxes. Version 2 when it can limit memory, else
 * version 1. Null: nowhere.
 */
export function openCgroups(): CgroupParent | null {
  let hierarchies;
  try {
    hierarchies = findHierarchies(
      readFileSync("/proc/self/cgroup", "utf8"),
      readFileSync("/proc/self/mountinfo", "utf8"),
    );
  } catch {
    return null;
  }
  return openCgroupsV2(hierarchies) ?? openCgroupsV1(hierarchies);
}
