import type { Protection, ProtectionName } from "../../../domain/outcome.ts";
import type { CgroupParent } from "../../cgroup/cgroup.ts";
import type { Facts } from "./probe-machine.ts";

const NO_CAPABILITIES = "0000000000000000";
const SEPARATED_BY_KERNEL: readonly ProtectionName[] = [
  "user-namespace",
  "mount-namespace",
  "pid-namespace",
  "ipc-namespace",
  "uts-namespace",
  "cgroup-namespace",
];

/** Which protections are in force in a machine. A kernel of its own is more than the namespaces that it stands for. */
export function judgeProtections(
  { status, interfaces, rootIsReadOnly, tmpIsPrivate }: Facts,
  monitor: string,
  cgroups: CgroupParent | null,
  monitorsHaveUsers: boolean,
): readonly Protection[] {
  const kernel = `a kernel of its own, ${monitor}`;
  const has = (name: string, value: string): boolean => status.get(name) === value;
  const outside = cgroups === null ? "" : `, ${cgroups.name} outside`;
  const isAlone = interfaces.every((name) => name === "lo");
  // What is left in the bounding set cannot be gained without new privileges.
  const noCapabilities =
    has("NoNewPrivs", "1") &&
    ["CapInh", "CapPrm", "CapEff", "CapAmb"].every((name) => has(name, NO_CAPABILITIES));
  const [uid] = (status.get("Uid") ?? "0").split(/\s/u);
  const by: Readonly<Record<string, string | null>> = {
    ...Object.fromEntries(SEPARATED_BY_KERNEL.map((name) => [name, kernel])),
    "network-namespace": isAlone ? "no network device" : null,
    "read-only-root": rootIsReadOnly ? "disks that cannot be written to" : null,
    "private-tmp": tmpIsPrivate ? "tmpfs" : null,
    "no-new-privileges": has("NoNewPrivs", "1") ? "the machine's init" : null,
    "no-capabilities": noCapabilities ? "the machine's init" : null,
    "unprivileged-uid":
      uid === "0"
        ? null
        : `user ${uid} of the machine${monitorsHaveUsers ? "; the monitor is a user of its own" : ""}`,
    seccomp: has("Seccomp", "2") ? "an allow-list of system calls" : null,
    "memory-limit": `cgroup v2 of the machine, and the machine's size${outside}`,
    "process-limit": `cgroup v2 of the machine${outside}`,
    "cpu-limit": `cgroup v2 of the machine${outside}`,
    "file-size-limit": "rlimit",
    "open-files-limit": "rlimit",
  };
  return Object.entries(by).map(([name, what]) => ({ name: name as ProtectionName, by: what }));
}
