import { readFileSync, readlinkSync } from "node:fs";

import { codeOf } from "../../domain/unknown.ts";

/**
 * Names for the sandboxes of this process that tell, also after its death, whether it lives:
 * `whiskers-<pid namespace>-<pid>-<start>-<number>`. `start` tells it from a later process with its pid;
 * a process of another pid namespace cannot be judged.
 */
export function sandboxNamePrefix(): string {
  return `whiskers-${pidNamespace()}-${process.pid}-${startOf(process.pid) ?? 0}-`;
}

/** The name is of a sandbox whose process has ended. */
export function isStaleSandbox(name: string): boolean {
  const [, namespace, pid, start] = /^whiskers-(\d+)-(\d+)-(\d+)-\d+$/u.exec(name) ?? [];
  if (namespace === undefined || namespace !== pidNamespace()) return false;
  const found = startOf(Number(pid));
  // /proc may hide the processes of other users (proc(5), hidepid): of these nothing is known but that they live.
  return found === null ? !isThere(Number(pid)) : found !== start;
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

function pidNamespace(): string {
  return /\d+/u.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0";
}

/** When the process began, in clock ticks since boot; null: there is none. proc_pid_stat(5), field 22. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}
