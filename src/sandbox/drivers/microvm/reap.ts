import { readFileSync, readdirSync } from "node:fs";

import { removeEverywhere } from "../../cgroup/everywhere.ts";
import { isStaleSandbox } from "../../cgroup/owner.ts";
import { send } from "../signals.ts";

/**
 * Ends the machines of processes that were killed: their monitors have the machine's name, which says whose it is, among
 * their arguments. There is little to do: a monitor ends with the process that started it, and so does a machine whose
 * control device has lost its host.
 */
export async function reap(): Promise<void> {
  for (const pid of readdirSync("/proc").map(Number))
    if (pid > 0 && isStaleMonitor(pid)) send(pid, "SIGKILL");
  await removeEverywhere(isStaleSandbox);
}

function isStaleMonitor(pid: number): boolean {
  try {
    const argv = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    const name = argv[argv.indexOf("-name") + 1] ?? "";
    return argv.includes("-sandbox") && isStaleSandbox(name);
  } catch {
    return false;
  }
}
