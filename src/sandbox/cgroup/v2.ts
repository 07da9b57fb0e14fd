import { mkdirSync, readFileSync, readdirSync, rmdirSync } from "node:fs";
import path from "node:path/posix";

import type { Usage } from "../../domain/outcome.ts";
import type { Cgroup, CgroupLimits, CgroupParent, CgroupView } from "./cgroup.ts";
import {
  killPids,
  readControl,
  readField,
  readNumber,
  readPids,
  removeCgroup,
  tryWriteControl,
  writeControl,
} from "./control-files.ts";
import type { Controller, Hierarchy } from "./hierarchies.ts";

const CPU_PERIOD_US = 100_000;
/** Where this process goes, so that its cgroup may have limited children. */
const OWN_LEAF = "whiskers-runner";

/**
 * Cgroups of version 2 (kernel: admin-guide/cgroup-v2). A cgroup with processes of its own cannot limit
 * its children ("no internal processes"), so this process moves to a leaf of its cgroup, with what led to it
 * and what it has started, but only when nobody else is in it. Null: this process may not make cgroups that limit anything.
 */
export function openCgroupsV2(hierarchies: readonly Hierarchy[]): CgroupParent | null {
  const own = hierarchies.find(({ version }) => version === 2)?.folder;
  if (own === undefined) return null;
  // A runner that another runner, or an earlier driver of this process, has started is in that leaf already.
  const folder = path.basename(own) === OWN_LEAF ? path.dirname(own) : own;
  const offered = words(readControl(`${folder}/cgroup.controllers`));
  const wanted = (["memory", "pids", "cpu"] as const).filter((name) => offered.includes(name));
  if (!wanted.includes("memory") || !enable(folder, wanted)) return null;
  const enabled = words(readControl(`${folder}/cgroup.subtree_control`));
  return {
    name: "cgroup v2",
    // cpu.stat is there without any controller.
    controllers: new Set<Controller>([...wanted.filter((name) => enabled.includes(name)), "cpuacct"]),
    create: (name, limits) => createCgroup(path.join(folder, name), limits),
    reap: (isStale) => reap(folder, isStale),
  };
}

/** The control group of version 2 that others made. */
export function viewCgroupV2(folder: string): CgroupView {
  return new CgroupV2(folder);
}

function words(text: string | null): readonly string[] {
  return (text ?? "").split(/\s+/u);
}

function enable(folder: string, wanted: readonly string[]): boolean {
  const enabled = words(readControl(`${folder}/cgroup.subtree_control`));
  if (wanted.every((name) => enabled.includes(name))) return isWritable(folder);
  const request = wanted.map((name) => `+${name}`).join(" ");
  if (tryWriteControl(`${folder}/cgroup.subtree_control`, request)) return true;
  const members = readPids(folder);
  if (!isWritable(folder) || !members.every(belongsToUs)) return false;
  const leaf = path.join(folder, OWN_LEAF);
  try {
    mkdirSync(leaf, { recursive: true });
    for (const pid of members) writeControl(`${leaf}/cgroup.procs`, pid);
    writeControl(`${folder}/cgroup.subtree_control`, request);
    return true;
  } catch {
    return false;
  }
}

/** Tried, because a read-only mount and a cgroup namespace both say nothing to access(2). */
function isWritable(folder: string): boolean {
  const trial = path.join(folder, `whiskers-trial-${process.pid}`);
  try {
    mkdirSync(trial);
    rmdirSync(trial);
    return true;
  } catch {
    return false;
  }
}

/**
 * This process, one that it has started, or one that has led to it: the shell, or the init of a container. Those may
 * go along; who else is there has plans of its own.
 */
function belongsToUs(pid: number): boolean {
  return descendsFrom(pid, process.pid) || descendsFrom(process.pid, pid);
}

function descendsFrom(pid: number, ancestor: number): boolean {
  for (let at = pid; at > 0; at = parentOf(at)) if (at === ancestor) return true;
  return false;
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return 0;
  }
}

function createCgroup(folder: string, limits: CgroupLimits): Cgroup {
  mkdirSync(folder);
  try {
    writeControl(`${folder}/memory.max`, limits.memoryBytes);
    tryWriteControl(`${folder}/memory.swap.max`, 0);
    // One process that runs out of memory ends the sandbox: what is left of it could only hang.
    tryWriteControl(`${folder}/memory.oom.group`, 1);
    tryWriteControl(`${folder}/pids.max`, limits.processes);
    tryWriteControl(`${folder}/cpu.max`, `${Math.round(limits.cpus * CPU_PERIOD_US)} ${CPU_PERIOD_US}`);
  } catch (error) {
    rmdirSync(folder);
    throw error;
  }
  return new CgroupV2(folder);
}

class CgroupV2 implements Cgroup {
  readonly enterFiles: readonly string[];
  readonly procsFiles: readonly string[];
  readonly #folder: string;
  #peakBytes = 0;
  #removed: { readonly usage: Usage; readonly outOfMemory: boolean } | null = null;

  constructor(folder: string) {
    this.#folder = folder;
    this.procsFiles = [`${folder}/cgroup.procs`];
    // It moves no single thread to another group of this kind.
    this.enterFiles = this.procsFiles;
  }

  pids(): readonly number[] {
    return readPids(this.#folder);
  }

  outOfMemory(): boolean {
    if (this.#removed !== null) return this.#removed.outOfMemory;
    return (readField(`${this.#folder}/memory.events`, "oom_kill") ?? 0) > 0;
  }

  usage(): Usage {
    if (this.#removed !== null) return this.#removed.usage;
    const cpuUs = readField(`${this.#folder}/cpu.stat`, "usage_usec");
    // memory.peak came with Linux 5.19; before it the highest of what we have seen must do.
    const peakBytes =
      readNumber(`${this.#folder}/memory.peak`) ?? readNumber(`${this.#folder}/memory.current`) ?? 0;
    this.#peakBytes = Math.max(this.#peakBytes, peakBytes);
    return { cpuMs: cpuUs === null ? null : cpuUs / 1e3, peakMemoryBytes: this.#peakBytes };
  }

  kill(): void {
    // Dying takes CPU time too: a crowd that shares a quota would take long.
    tryWriteControl(`${this.#folder}/cpu.max`, "max");
    // cgroup.kill came with Linux 5.14.
    if (tryWriteControl(`${this.#folder}/cgroup.kill`, 1)) return;
    tryWriteControl(`${this.#folder}/pids.max`, 0);
    killPids(this.pids());
  }

  async remove(): Promise<void> {
    this.#removed ??= { usage: this.usage(), outOfMemory: this.outOfMemory() };
    await removeCgroup(this.#folder, () => {
      this.kill();
    });
  }
}

async function reap(parent: string, isStale: (name: string) => boolean): Promise<void> {
  for (const name of readdirSync(parent)) {
    if (!isStale(name)) continue;
    const folder = path.join(parent, name);
    await removeCgroup(folder, () => {
      killPids(readPids(folder));
    });
  }
}
