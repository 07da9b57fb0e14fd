import { readdirSync, readFileSync } from "node:fs";

import { isAlive, listTree, proportionalBytesOf } from "../sandbox/drivers/process-tree.ts";

/** Parents of containers that an engine starts: they leave its tree. */
const SHIMS = new Set(["containerd-shim", "conmon"]);

/** Every process of this machine. */
export function listProcesses(): ReadonlySet<number> {
  return new Set(
    readdirSync("/proc")
      .map(Number)
      .filter((pid) => pid > 0),
  );
}

/**
 * Memory of the processes that we, or an engine for us, started since, bytes; pages that several processes share are
 * divided among them.
 * @param shown name of a folder that an engine's containers of ours see, and nobody else's
 */
export function newBytesSince(before: ReadonlySet<number>, shown: string): number {
  const shims = [...listProcesses()].filter((pid) => !before.has(pid) && SHIMS.has(nameOf(pid)));
  const trees = shims.map((pid) => listTree(pid)).filter((tree) => tree.some((pid) => sees(pid, shown)));
  const ours = new Set([...listTree(process.pid), ...trees.flat()]);
  let bytes = 0;
  for (const pid of ours) if (!before.has(pid) && isAlive(pid)) bytes += proportionalBytesOf(pid);
  return bytes;
}

function nameOf(pid: number): string {
  return read(`/proc/${pid}/comm`).trim();
}

/** By what is mounted for it: proc_pid_mountinfo(5). */
function sees(pid: number, folder: string): boolean {
  return read(`/proc/${pid}/mountinfo`).includes(`/${folder}`);
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
