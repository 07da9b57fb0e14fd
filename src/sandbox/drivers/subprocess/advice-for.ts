import type { Facts } from "../../view/self-check.ts";
import type { Host } from "./host.ts";

/** What would make sandboxes here stronger or faster, and how to get it. */
export function adviceFor(host: Host, facts: Facts): readonly string[] {
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
