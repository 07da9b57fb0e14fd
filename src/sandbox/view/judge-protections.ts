import type { Protection, ProtectionName } from "../../domain/outcome.ts";
import type { CgroupParent } from "../cgroup/cgroup.ts";
import type { Facts } from "./self-check.ts";

const NAMESPACES: readonly (readonly [ProtectionName, string])[] = [
  ["user-namespace", "user"],
  ["mount-namespace", "mnt"],
  ["pid-namespace", "pid"],
  ["network-namespace", "net"],
  ["ipc-namespace", "ipc"],
  ["uts-namespace", "uts"],
  ["cgroup-namespace", "cgroup"],
];
const NO_CAPABILITIES = "0000000000000000";

/** Which protections are in force here and by what. @param tool that makes the sandboxes, with its version */
export function judgeProtections(
  facts: Facts,
  tool: string,
  cgroups: CgroupParent | null,
): readonly Protection[] {
  const has = (name: string, value: string): boolean => facts.status.get(name) === value;
  const limited = (name: string): boolean => (facts.limits.get(name) ?? "unlimited") !== "unlimited";
  const capabilities = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
  const onlyLoopback = facts.interfaces.every((name) => name === "lo");
  const by: Readonly<Record<ProtectionName, string | null>> = {
    ...(Object.fromEntries(
      NAMESPACES.map(([name, short]) => [name, facts.namespaces.has(short) ? tool : null]),
    ) as Record<"user-namespace", string | null> & Record<string, string | null>),
    "network-namespace": facts.namespaces.has("net") && onlyLoopback ? tool : null,
    "read-only-root": facts.rootIsReadOnly ? tool : null,
    "private-tmp": facts.tmpIsPrivate ? `${tool}, tmpfs` : null,
    "no-new-privileges": has("NoNewPrivs", "1") ? tool : null,
    "no-capabilities":
      capabilities.every((name) => has(name, NO_CAPABILITIES) || !facts.status.has(name)) &&
      has("CapEff", NO_CAPABILITIES)
        ? tool
        : null,
    "unprivileged-uid": facts.uid === null || facts.uid === 0 ? null : unprivilegedBy(facts.uid),
    seccomp: has("Seccomp", "2") ? "an allow-list of system calls" : null,
    "memory-limit": byController(cgroups, "memory") ?? "rlimit and watchdog",
    "process-limit": byController(cgroups, "pids") ?? "rlimit",
    "cpu-limit": byController(cgroups, "cpu"),
    "file-size-limit": limited("Max file size") ? "rlimit" : null,
    "open-files-limit": limited("Max open files") ? "rlimit" : null,
  } as Record<ProtectionName, string | null>;
  return Object.entries(by).map(([name, what]) => ({ name: name as ProtectionName, by: what }));
}

function unprivilegedBy(uid: number): string {
  return uid === process.geteuid?.() ? `the runner's own user ${uid}` : "a user of its own per sandbox";
}

function byController(cgroups: CgroupParent | null, controller: "memory" | "pids" | "cpu"): string | null {
  return cgroups?.controllers.has(controller) === true ? cgroups.name : null;
}
