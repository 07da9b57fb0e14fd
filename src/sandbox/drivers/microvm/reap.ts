import { existsSync, readdirSync, rmSync } from "node:fs";
import path from "node:path/posix";

import { removeEverywhere } from "../../cgroup/everywhere.ts";
import { isStaleSandbox } from "../../cgroup/owner.ts";
import { removeStaleDrafts } from "../../view/drafts.ts";
import { argumentsOf } from "../process-tree.ts";
import { send } from "../signals.ts";
import { jailsIn } from "./firecracker/jail.ts";

/**
 * Ends the machines of processes that were killed: their monitors have the machine's name, which says whose it is, among
 * their arguments. There is little to do: a monitor ends with the process that started it, and so does a machine whose
 * control device has lost its host. Jails of theirs are removed, and what they were making.
 */
export async function reap(stateDirectory: string): Promise<void> {
  for (const pid of readdirSync("/proc").map(Number))
    if (pid > 0 && isStaleMonitor(pid)) send(pid, "SIGKILL");
  await removeEverywhere(isStaleSandbox);
  const jails = jailsIn(stateDirectory);
  for (const program of namesIn(jails))
    for (const name of namesIn(path.join(jails, program)))
      if (isStaleSandbox(name)) rmSync(path.join(jails, program, name), { recursive: true, force: true });
  await removeStaleDrafts(stateDirectory);
}

function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function isStaleMonitor(pid: number): boolean {
  const argv = argumentsOf(pid);
  // QEMU's; Firecracker's, and those of what starts it; and as the jailer hands it on.
  const named = ["-name", "--id"].map((option) => argv[argv.lastIndexOf(option) + 1] ?? "");
  const joined = argv.find((one) => one.startsWith("--id="))?.slice("--id=".length) ?? "";
  return [...named, joined].some(isStaleSandbox);
}
