import { readFileSync } from "node:fs";

import type { CgroupView } from "./cgroup.ts";
import { findHierarchies } from "./hierarchies.ts";
import type { Controller } from "./hierarchies.ts";
import { viewCgroupV1 } from "./v1.ts";
import { viewCgroupV2 } from "./v2.ts";

/** The control group of a container by its id, without asking anybody. It need not be there yet, or any more. */
export type ContainerCgroups = (container: string) => CgroupView;

/**
 * Where an engine keeps the control groups of its containers, learnt from one of them: a process of it, as this
 * machine numbers it. Null: it is on another machine, or what it does is not for us to see.
 */
export function findContainerCgroups(pid: number, container: string): ContainerCgroups | null {
  let found;
  try {
    found = findHierarchies(
      readFileSync(`/proc/${pid}/cgroup`, "utf8"),
      readFileSync("/proc/self/mountinfo", "utf8"),
      // A number of another machine, or of another pid namespace, is another process here.
    ).filter(({ folder }) => folder.includes(container));
  } catch {
    return null;
  }
  const folders = found.flatMap(({ version, controllers, folder }) =>
    version === 1 ? controllers.map((controller) => [controller, folder] as const) : [],
  );
  if (folders.some(([controller]) => controller === "memory")) {
    return (other) =>
      viewCgroupV1(
        new Map<Controller, string>(
          folders.map(([controller, folder]) => [controller, folder.replaceAll(container, other)]),
        ),
      );
  }
  const unified = found.find(({ version }) => version === 2);
  return unified === undefined ? null : (other) => viewCgroupV2(unified.folder.replaceAll(container, other));
}
