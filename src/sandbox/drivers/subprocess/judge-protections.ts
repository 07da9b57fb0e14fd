import type { Protection, ProtectionName } from "../../../domain/outcome.ts";
import type { Host } from "./host.ts";
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

/** Which protections are in force here and by what, and what would make more of them. */
export function judgeProtections(
  facts: Facts,
  host: Host,
): { readonly protections: readonly Protection[]; readonly advice: readonly string[] } {
  const tool = host.variant.version;
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
    "no-capabilities": capabilities.every((name) => has(name, NO_CAPABILITIES)) ? tool : null,
    "unprivileged-uid": facts.uid === null || facts.uid === 0 ? null : unprivilegedBy(facts.uid),
    seccomp: has("Seccomp", "2") ? "an allow-list of system calls" : null,
    "memory-limit": byController(host, "memory") ?? "rlimit and watchdog",
    "process-limit": byController(host, "pids") ?? "rlimit",
    "cpu-limit": byController(host, "cpu"),
    "file-size-limit": limited("Max file size") ? "rlimit" : null,
    "open-files-limit": limited("Max open files") ? "rlimit" : null,
  } as Record<ProtectionName, string | null>;
  const protections = Object.entries(by).map(([name, what]) => ({ name: name as ProtectionName, by: what }));
  return { protections, advice: adviceFor(host, facts) };
}

function unprivilegedBy(uid: number): string {
  return uid === process.geteuid?.() ? `the runner's own user ${uid}` : "a user of its own per sandbox";
}

function byController(host: Host, controller: "memory" | "pids" | "cpu"): string | null {
  return host.cgroups?.controllers.has(controller) === true ? host.cgroups.name : null;
}

function adviceFor(host: Host, facts: Facts): readonly string[] {
  const advice: string[] = [];
  if (!host.variant.version.startsWith("bubblewrap")) {
    advice.push("install bubblewrap: sandboxes start faster with it");
  }
  if (facts.status.get("Seccomp") !== "2") {
    advice.push(
      process.arch === "x64" || process.arch === "arm64"
        ? "install perl or python3 (or bubblewrap): without one of them no seccomp filter can be loaded"
        : `there is no seccomp filter for the processor ${process.arch}`,
    );
  }
  if (host.cgroups === null) {
    advice.push(
      "no cgroup is writable, so memory is limited by rlimit and a watchdog, and CPU time not at all: " +
        "run as root, or under systemd with `Delegate=yes` (`systemd-run --user --scope -p Delegate=yes ...`)",
    );
  } else {
    const missing = (["memory", "pids", "cpu"] as const).filter(
      (name) => !host.cgroups?.controllers.has(name),
    );
    if (missing.length > 0) advice.push(`cgroup controllers that cannot be used here: ${missing.join(", ")}`);
  }
  return advice;
}
