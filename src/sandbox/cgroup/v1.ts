import { constants, mkdirSync, readdirSync, rmdirSync } from "node:fs";
import path from "node:path/posix";

import type { Usage } from "../../domain/outcome.ts";
import { mayAccess } from "../may-access.ts";
import type { Cgroup, CgroupLimits, CgroupParent, CgroupView } from "./cgroup.ts";
import {
  killPids,
  readField,
  readNumber,
  readPids,
  removeCgroup,
  tryWriteControl,
  writeControl,
} from "./control-files.ts";
import type { Controller, Hierarchy } from "./hierarchies.ts";

/** The usual period of the CPU quota, microseconds. */
const CPU_PERIOD_US = 100_000;

/**
 * Cgroups of version 1: every controller has a tree of its own (kernel: admin-guide/cgroup-v1).
 * Null: this process may make cgroups in none of the trees.
 */
export function openCgroupsV1(hierarchies: readonly Hierarchy[]): CgroupParent | null {
  const folders = new Map<Controller, string>();
  for (const { version, controllers, folder } of hierarchies) {
    if (version !== 1 || !mayAccess(folder, constants.W_OK | constants.X_OK)) continue;
    for (const controller of controllers) folders.set(controller, folder);
  }
  if (folders.size === 0) return null;
  return {
    name: "cgroup v1",
    controllers: new Set(folders.keys()),
    create: (name, limits) => createCgroup(folders, name, limits),
    reap: (isStale) => reap(folders, isStale),
  };
}

/** The control group of version 1 that others made, by its folder in each tree. */
export function viewCgroupV1(folders: ReadonlyMap<Controller, string>): CgroupView {
  return new CgroupV1(folders, [...new Set(folders.values())]);
}

function createCgroup(parents: ReadonlyMap<Controller, string>, name: string, limits: CgroupLimits): Cgroup {
  const folders = new Map([...parents].map(([controller, parent]) => [controller, path.join(parent, name)]));
  // Controllers may share a tree: cpu and cpuacct often do.
  const distinct = [...new Set(folders.values())];
  try {
    for (const folder of distinct) mkdirSync(folder);
    for (const [controller, folder] of folders) limit(controller, folder, limits);
  } catch (error) {
    for (const folder of distinct) removeEmpty(folder);
    throw error;
  }
  return new CgroupV1(folders, distinct);
}

function limit(controller: Controller, folder: string, limits: CgroupLimits): void {
  switch (controller) {
    case "memory":
      writeControl(`${folder}/memory.limit_in_bytes`, limits.memoryBytes);
      // Memory and swap together; only there when the kernel accounts for swap.
      tryWriteControl(`${folder}/memory.memsw.limit_in_bytes`, limits.memoryBytes);
      tryWriteControl(`${folder}/memory.swappiness`, 0);
      return;
    case "pids":
      writeControl(`${folder}/pids.max`, limits.processes);
      return;
    case "cpu":
      tryWriteControl(`${folder}/cpu.cfs_period_us`, CPU_PERIOD_US);
      tryWriteControl(`${folder}/cpu.cfs_quota_us`, Math.round(limits.cpus * CPU_PERIOD_US));
      return;
    case "cpuacct":
      return;
  }
}

class CgroupV1 implements Cgroup {
  readonly enterFiles: readonly string[];
  readonly procsFiles: readonly string[];
  readonly #folders: ReadonlyMap<Controller, string>;
  readonly #distinct: readonly string[];
  #removed: { readonly usage: Usage; readonly outOfMemory: boolean } | null = null;

  constructor(folders: ReadonlyMap<Controller, string>, distinct: readonly string[]) {
    this.#folders = folders;
    this.#distinct = distinct;
    // A thread that moves itself waits for nobody. To move a process the kernel waits until every processor has seen that it
    // will (cgroup_threadgroup_rwsem): 10 to 19 ms, at every start.
    this.enterFiles = distinct.map((folder) => `${folder}/tasks`);
    this.procsFiles = distinct.map((folder) => `${folder}/cgroup.procs`);
  }

  pids(): readonly number[] {
    return [...new Set(this.#distinct.flatMap(readPids))];
  }

  outOfMemory(): boolean {
    if (this.#removed !== null) return this.#removed.outOfMemory;
    const memory = this.#folders.get("memory");
    return memory !== undefined && (readField(`${memory}/memory.oom_control`, "oom_kill") ?? 0) > 0;
  }

  usage(): Usage {
    if (this.#removed !== null) return this.#removed.usage;
    const cpuacct = this.#folders.get("cpuacct");
    const memory = this.#folders.get("memory");
    const cpuNs = cpuacct === undefined ? null : readNumber(`${cpuacct}/cpuacct.usage`);
    return {
      cpuMs: cpuNs === null ? null : cpuNs / 1e6,
      peakMemoryBytes: memory === undefined ? null : readNumber(`${memory}/memory.max_usage_in_bytes`),
    };
  }

  kill(): void {
    // Nothing new can be started while the list is worked through.
    const pids = this.#folders.get("pids");
    if (pids !== undefined) tryWriteControl(`${pids}/pids.max`, 0);
    // Dying takes CPU time too: a crowd that shares a quota would take long.
    const cpu = this.#folders.get("cpu");
    if (cpu !== undefined) tryWriteControl(`${cpu}/cpu.cfs_quota_us`, -1);
    killPids(this.pids());
  }

  async remove(): Promise<void> {
    this.#removed ??= { usage: this.usage(), outOfMemory: this.outOfMemory() };
    for (const folder of this.#distinct) {
      await removeCgroup(folder, () => {
        this.kill();
      });
    }
  }
}

async function reap(
  parents: ReadonlyMap<Controller, string>,
  isStale: (name: string) => boolean,
): Promise<void> {
  for (const parent of new Set(parents.values())) {
    for (const name of readdirSync(parent)) {
      if (!isStale(name)) continue;
      const folder = path.join(parent, name);
      await removeCgroup(folder, () => {
        killPids(readPids(folder));
      });
    }
  }
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It was not made.
  }
}
